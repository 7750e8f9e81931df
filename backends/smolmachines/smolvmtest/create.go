//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

func createCommand() *command {
	return &command{
		path:    "machine create",
		about:   "Create a machine without starting it",
		command: "[COMMAND...]",
		late:    true,
		run:     runCreate,
		options: `
-n --name <NAME>
-I --image <IMAGE>
--from <PATH>
--max-image-size <SIZE>
--cpus <N>
--mem <MiB>
--storage <GiB>
--overlay <GiB>
-v --volume <HOST:GUEST[:MODE]> ...
-p --port <HOST:GUEST> ...
--net
--net-backend <BACKEND>
--dns <IP>
--network <NAME>
--allow-cidr <CIDR> ...
--allow-host <HOST> ...
--outbound-localhost-only
--init <CMD> ...
-e --env <KEY=VALUE> ...
-w --workdir <DIR>
--user <USER> 1.14.0
--label <KEY=VALUE> ...
--secret-env <GUEST=HOSTVAR> ...
--secret-file <GUEST=PATH> ...
--ssh-agent
--docker-socket
--expose-socket <GUEST[:HOST]> ...
--mount-socket <HOST:GUEST> ...
--gpu
--gpu-vram <MiB>
--rosetta
--cuda
--auto-graph
-s --smolfile <PATH>`,
	}
}

// unfakedOptions would change what a machine is like.
var unfakedOptions = []string{"smolfile", "ssh-agent", "docker-socket", "expose-socket", "mount-socket", "cuda", "auto-graph"}

func runCreate(c *call) error {
	if err := c.conflict("from", "image", "smolfile"); err != nil {
		return err
	}
	for _, flag := range unfakedOptions {
		if c.has(flag) {
			return unfaked("machine create --" + flag)
		}
	}
	m := &machine{
		Name: c.value("name"), DB: c.db, Argv: c.argv, State: "created", Created: now(), settings: c.settings,
		CPUs: defaultCPUs, Memory: defaultMemory,
		Cmd: c.args, Init: c.flags["init"], Env: c.entries("env"), DNS: c.value("dns"), NamedNet: c.value("network"),
	}
	if !c.has("name") {
		m.Name = inventName()
	}
	if err := c.sizes(m); err != nil {
		return err
	}
	c.note()
	fill := c.fromImage
	if c.has("from") {
		fill = c.fromArtifact
	}
	if err := fill(m); err != nil {
		return err
	}
	return c.announce(m)
}

const (
	defaultCPUs   = 4
	defaultMemory = 8192
)

// sizes takes the numbers, which the parser checks.
func (c *call) sizes(m *machine) error {
	for _, size := range []struct {
		flag        string
		least, most int
		set         func(int)
	}{
		{"cpus", 1, 255, func(n int) { m.CPUs = n }},
		{"mem", 64, 1<<31 - 1, func(n int) { m.Memory = n }},
		{"storage", 1, 1<<31 - 1, func(n int) { m.Storage = &n }},
		{"overlay", 1, 1<<31 - 1, func(n int) { m.Overlay = &n }},
	} {
		if !c.has(size.flag) {
			continue
		}
		n, err := strconv.Atoi(c.value(size.flag))
		if err != nil {
			return c.invalid(size.flag, "invalid digit found in string")
		}
		if n < size.least || n > size.most {
			return c.invalid(size.flag, fmt.Sprintf("%d is not in %d..=%d", n, size.least, size.most))
		}
		size.set(n)
	}
	return nil
}

// note warns of options that the workload has got.
func (c *call) note() {
	table := c.command.table(c.version)
	for _, arg := range c.args {
		name, _, _ := strings.Cut(arg, "=")
		if _, ok := find(table, name); ok && strings.HasPrefix(name, "--") && name != "--help" {
			fmt.Fprintf(os.Stderr, "note: %s came after `--`, so it was passed to the workload and did not configure the machine. Put machine options before `--`.\n", name)
		}
	}
}

// fromImage makes a machine from an image.
func (c *call) fromImage(m *machine) error {
	var err error
	if m.Image, err = c.image(); err != nil {
		return err
	}
	m.Workdir, m.User = c.value("workdir"), c.value("user")
	if err := c.resolveHosts(); err != nil {
		return err
	}
	if m.Secrets, err = c.secrets(); err != nil {
		return err
	}
	if err := c.configure(m); err != nil {
		return err
	}
	if registry(m.Image) && !m.Network {
		return configError("create machine", "image '%s' must be pulled from a registry, but this machine has no network, so the pull can never succeed. Add --net, or use a local image archive.", m.Image)
	}
	return c.reserve(m)
}

// configure is what is the same for an image and an artifact.
func (c *call) configure(m *machine) error {
	if why := checkName(m.Name); why != "" {
		return configError("create machine", "%s", why)
	}
	if err := c.volumes(m); err != nil {
		return err
	}
	if err := c.ports(m); err != nil {
		return err
	}
	if err := c.networks(m); err != nil {
		return err
	}
	return c.labels(m)
}

// reserve takes the name.
func (c *call) reserve(m *machine) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if old, err := c.anywhere(m.Name); err != nil {
		return err
	} else if old != nil && old.DB != c.db {
		return unfaked("the same name with another HOME")
	} else if old != nil {
		return configError("create machine", "machine '%s' already exists or is being created", m.Name)
	}
	if cause, ok := c.told(); ok {
		return configError("create machine", "%s", cause)
	}
	if err := os.MkdirAll(m.dir(), 0o755); err != nil {
		return err
	}
	return m.save()
}

func (c *call) announce(m *machine) error {
	fmt.Printf("Created machine: %s\n  CPUs: %d, Memory: %d MiB\n", m.Name, m.CPUs, m.Memory)
	for _, counted := range []struct {
		what string
		n    int
	}{{"Mounts", len(m.Mounts)}, {"Ports", len(m.Ports)}, {"Init commands", len(m.Init)}} {
		if counted.n > 0 {
			fmt.Printf("  %s: %d\n", counted.what, counted.n)
		}
	}
	fmt.Printf("\nUse 'smolvm machine start --name %s' to start the machine\n", m.Name)
	fmt.Printf("Then use 'smolvm machine exec --name %s -- <command>' to run commands\n", m.Name)
	return nil
}

// entries are the values of --env: a key without a value is the tool's own,
// and what is malformed is dropped without a word.
func (c *call) entries(flag string) []string {
	env := []string{}
	for _, entry := range c.flags[flag] {
		key, _, assigned := strings.Cut(entry, "=")
		switch value, ok := os.LookupEnv(key); {
		case key == "":
		case assigned:
			env = append(env, entry)
		case ok:
			env = append(env, key+"="+value)
		}
	}
	return slices.Clip(env)
}
