//go:build linux

package containertest

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const processOptions = `
-e --env <env>
--env-file <env-file>
--gid <gid>
-i --interactive
-t --tty
-u --user <user>
--uid <uid>
-w --workdir --cwd <dir>
--ulimit <limit> 0.9.0`

const createOptions = processOptions + `
-c --cpus <cpus>
-m --memory <memory>
-a --arch <arch>
--cap-add <cap> 0.12.0
--cap-drop <cap> 0.12.0
--cidfile <cidfile>
-d --detach
--dns <ip>
--dns-domain <domain>
--dns-option <option>
--dns-search <domain>
--entrypoint <cmd>
--init 0.10.0
--init-image <image>
-k --kernel <path>
--kernel-arg <arg> 1.2.0
-l --label <label>
--masked-path <path> 1.2.1
--max-concurrent-downloads <n>
--mount <mount>
--name <name>
--network <network>
--no-dns
--os <os>
--platform <platform>
-p --publish <spec>
--publish-socket <spec>
--read-only 0.8.0
--read-only-path <path> 1.2.1
--rm --remove
--rosetta
--runtime <runtime>
--scheme <scheme>
--shm-size <size>
--ssh
--tmpfs <tmpfs>
--virtualization
-v --volume <volume>`

func createCommand() *command {
	return &command{
		path:       "create",
		about:      "Create a new container",
		options:    createOptions,
		args:       "<image> [<arguments>...]",
		passes:     true,
		configured: true,
		run:        runCreate,
	}
}

func runCreate(c *call) error {
	ctr, err := c.create("container already exists: %s")
	if err != nil {
		return err
	}
	fmt.Println(ctr.id())
	return nil
}

// create makes the container, which has no root before its first start.
func (c *call) create(duplicate string) (*container, error) {
	id := c.last("name")
	if id == "" {
		id = uuid()
	}
	if err := c.checkID(id); err != nil {
		return nil, err
	}
	img, v, p, err := c.resolveImage(c.args[0])
	if err != nil {
		return nil, err
	}
	ctr := &container{AutoRemove: c.has("rm"), Manifest: string(v.descriptor.Digest), dir: c.path("containers", id)}
	if ctr.Configuration, err = c.configure(id, img, v, p); err != nil {
		return nil, err
	}
	enter := c.service
	if c.command.path == "run" {
		enter = c.query // it asks for the name first
	}
	leave, err := enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if old, err := c.container(id); err != nil || old != nil && old.exists() {
		if err == nil {
			err = failed("exists", duplicate, id)
		}
		return nil, err
	}
	if err := c.free(id); err != nil {
		return nil, err
	}
	if file := c.last("cidfile"); file != "" {
		if err := os.WriteFile(file, []byte(id), 0o644); err != nil {
			return nil, err
		}
	}
	return ctr, ctr.save()
}

// free makes sure that no other container has the name as its host name.
func (c *call) free(id string) error {
	all, err := c.containers()
	if err != nil {
		return err
	}
	for _, other := range all {
		for _, n := range other.Configuration.Networks {
			if n.Options.Hostname == id {
				return failed("exists", "hostname(s) already exist: [%q]", id)
			}
		}
	}
	return nil
}

// resolveImage finds the image. One that is not there is pulled by the real
// tool; here that always fails.
func (c *call) resolveImage(ref string) (image, variant, platform, error) {
	p, err := c.platform()
	if err != nil {
		return image{}, variant{}, p, err
	}
	images, err := c.images()
	if err != nil {
		return image{}, variant{}, p, err
	}
	img, ok, err := lookup(images, ref)
	if err != nil {
		return image{}, variant{}, p, err
	}
	if !ok {
		return image{}, variant{}, p, pull(ref)
	}
	v, err := c.variant(img.Descriptor, p)
	return img, v, p, err
}

func pull(ref string) error {
	r, err := parseReference(ref)
	if err != nil {
		return err
	}
	r = r.normalized()
	return failed("internalError", "failed to pull %s: HTTP request to https://registry-1.docker.io/v2/%s/manifests/%s failed: no network in containertest", r, r.path, r.tag)
}

// platform is the one asked for, else that of the host.
func (c *call) platform() (platform, error) {
	p := platform{OS: "linux", Architecture: "arm64"}
	if c.has("os") {
		p.OS = c.last("os")
	}
	if c.has("arch") {
		p.Architecture = c.last("arch")
	}
	text := c.last("platform")
	if fromEnv := os.Getenv("CONTAINER_DEFAULT_PLATFORM"); text == "" && fromEnv != "" {
		warn("Using default platform from CONTAINER_DEFAULT_PLATFORM: " + fromEnv)
		text = fromEnv
	}
	if text != "" {
		parts := strings.Split(text, "/")
		if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
			return p, failed("invalidArgument", "invalid platform %s", text)
		}
		p = platform{OS: parts[0], Architecture: parts[1], Variant: strings.Join(parts[2:], "")}
	}
	switch p.Architecture {
	case "aarch64":
		p.Architecture = "arm64"
	case "x86_64":
		p.Architecture = "amd64"
	}
	return p, nil
}

func (c *call) configure(id string, img image, v variant, p platform) (configuration, error) {
	conf := configuration{
		ID:             id,
		Image:          imageName{img.Reference, img.Descriptor},
		CreationDate:   time.Now().UTC().Truncate(time.Second),
		Platform:       p,
		Sysctls:        map[string]string{},
		CapAdd:         append([]string{}, c.flags["cap-add"]...),
		CapDrop:        append([]string{}, c.flags["cap-drop"]...),
		Rosetta:        c.has("rosetta") || p.Architecture == "amd64",
		SSH:            c.has("ssh"),
		ReadOnly:       c.has("read-only"),
		UseInit:        c.has("init"),
		Virtualization: c.has("virtualization"),
		RuntimeHandler: getOr(c.last("runtime"), "container-runtime-linux"),
		StopSignal:     v.config.Config.StopSignal,
		MaskedPaths:    c.flags["masked-path"],
		ReadonlyPaths:  c.flags["read-only-path"],
	}
	for _, fill := range []func(*configuration) error{c.labels, c.resources, c.mounts, c.networks, c.publish} {
		if err := fill(&conf); err != nil {
			return conf, err
		}
	}
	var err error
	conf.InitProcess, err = c.initProcess(v.config.Config)
	return conf, err
}

// initProcess joins what the image says and what the options say.
func (c *call) initProcess(img ocispec.ImageConfig) (process, error) {
	p := process{
		Environment:        []string{},
		WorkingDirectory:   getOr(c.last("workdir"), getOr(img.WorkingDir, "/")),
		Terminal:           c.has("tty"),
		SupplementalGroups: []int{},
		Rlimits:            []rlimit{},
	}
	entrypoint, arguments := img.Entrypoint, c.args[1:]
	if c.has("entrypoint") {
		entrypoint = []string{c.last("entrypoint")}
	} else if len(arguments) == 0 {
		arguments = img.Cmd
	}
	argv := slices.Concat([]string{}, entrypoint, arguments)
	if len(argv) == 0 {
		return p, failed("invalidArgument", "command/entrypoint not specified for container process")
	}
	p.Executable, p.Arguments = argv[0], argv[1:]
	var err error
	if p.User, err = c.user(img.User); err != nil {
		return p, err
	}
	if p.Rlimits, err = c.ulimits(); err != nil {
		return p, err
	}
	own, err := c.env()
	if err != nil {
		return p, err
	}
	p.Environment = c.mergeEnv(img.Env, own)
	return p, nil
}

// mergeEnv keeps the last value of each key, in no order.
func (c *call) mergeEnv(base, own []string) []string {
	values := map[string]string{}
	for _, entry := range slices.Concat(base, own) {
		key, _, ok := strings.Cut(entry, "=")
		if ok || !c.cli.atLeast(1, 2, 0) {
			values[key] = entry
		}
	}
	env := []string{}
	for _, entry := range values {
		env = append(env, entry)
	}
	slices.Sort(env) // the order of a map is random only at times
	mathrand.Shuffle(len(env), func(i, j int) { env[i], env[j] = env[j], env[i] })
	return env
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func getOr(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// file is one of the container.s files.
func (c *container) file(name string) string { return filepath.Join(c.dir, name) }
