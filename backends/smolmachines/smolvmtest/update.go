//go:build linux

package smolvmtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func updateCommand() *command {
	return &command{
		path:  "machine update",
		about: "Change a machine that does not run",
		late:  true,
		run:   runUpdate,
		options: `
-n --name <NAME>
-v --volume <HOST:GUEST[:MODE]> ...
--remove-volume <HOST:GUEST> ...
-p --port <HOST:GUEST> ...
--remove-port <HOST:GUEST> ...
--cpus <N>
--mem <MiB>
--net
--no-net
-e --env <KEY=VALUE> ...
--remove-env <KEY> ...
-w --workdir <DIR>
--gpu
--no-gpu
--rosetta
--no-rosetta
--storage <GiB>
--overlay <GiB>`,
	}
}

func runUpdate(c *call) error {
	if !c.has("name") {
		return c.missing("--name <NAME>")
	}
	for _, pair := range [][2]string{{"net", "no-net"}, {"gpu", "no-gpu"}, {"rosetta", "no-rosetta"}} {
		if err := c.conflict(pair[0], pair[1]); err != nil {
			return err
		}
	}
	m, err := c.machine(c.name())
	if err != nil {
		return err
	}
	if m == nil {
		return configError("update", "machine '%s' not found", c.name())
	}
	switch state := m.state(); state {
	case "created", "stopped", "failed":
	default:
		return fmt.Errorf("invalid vm state: expected stopped, got %s", strings.ToUpper(state[:1])+state[1:])
	}
	changed := *m
	lines, err := c.apply(&changed)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		fmt.Println("No changes specified.")
		return nil
	}
	if cause, ok := c.told(); ok {
		return configError("update", "%s", cause)
	}
	if err := m.change(func(fresh *machine) { *fresh = changed }); err != nil {
		return err
	}
	fmt.Printf("Updated machine '%s':\n  %s\n", m.Name, strings.Join(lines, "\n  "))
	return nil
}

// apply changes the machine, and says what it has changed.
func (c *call) apply(m *machine) ([]string, error) {
	for _, flag := range []string{"gpu", "no-gpu", "rosetta", "no-rosetta"} {
		if c.has(flag) {
			return nil, unfaked("machine update --" + flag)
		}
	}
	if err := c.grows(m); err != nil {
		return nil, err
	}
	if err := c.sizes(m); err != nil {
		return nil, err
	}
	m.Mounts, m.Ports, m.Env = slices.Clone(m.Mounts), slices.Clone(m.Ports), slices.Clone(m.Env)
	if err := c.remount(m); err != nil {
		return nil, err
	}
	if err := c.republish(m); err != nil {
		return nil, err
	}
	c.reset(m)
	var lines []string
	for _, o := range c.command.table(c.version) {
		for _, value := range c.flags[o.key()] {
			if key, _, _ := strings.Cut(value, "="); o.key() == "env" {
				value = key
			}
			if o.key() != "name" {
				lines = append(lines, o.key()+": "+value)
			}
		}
	}
	return lines, nil
}

func (c *call) remount(m *machine) error {
	for _, spec := range c.flags["remove-volume"] {
		host, guest, _ := strings.Cut(spec, ":")
		m.Mounts = slices.DeleteFunc(m.Mounts, func(v mount) bool { return v.Host == host && v.Guest == guest })
	}
	return c.volumes(m)
}

func (c *call) republish(m *machine) error {
	for _, spec := range c.flags["remove-port"] {
		p, err := c.parsePort("remove-port", spec)
		if err != nil {
			return err
		}
		m.Ports = slices.DeleteFunc(m.Ports, func(old port) bool { return old == p })
	}
	return c.ports(m)
}

// reset takes what cannot be wrong.
func (c *call) reset(m *machine) {
	unset := func(key string) {
		m.Env = slices.DeleteFunc(m.Env, func(entry string) bool { return strings.HasPrefix(entry, key+"=") })
	}
	for _, key := range c.flags["remove-env"] {
		unset(key)
	}
	for _, entry := range c.entries("env") {
		key, _, _ := strings.Cut(entry, "=")
		unset(key)
		m.Env = append(m.Env, entry)
	}
	if c.has("workdir") {
		m.Workdir = c.value("workdir")
	}
	if c.has("net") {
		m.Network = true
	}
	if c.has("no-net") {
		m.Network, m.Localhost, m.AllowHosts, m.AllowCIDRs = false, false, nil, nil
	}
}

// grows refuses disks that would shrink.
func (c *call) grows(m *machine) error {
	for flag, size := range map[string]int{"storage": sizeOr(m.Storage, 20), "overlay": sizeOr(m.Overlay, 10)} {
		if n, err := strconv.Atoi(c.value(flag)); err == nil && n < size {
			return configError("update", "cannot shrink %s from %d GiB to %d GiB", flag, size, n)
		}
	}
	return nil
}

func sizeOr(size *int, otherwise int) int {
	if size == nil {
		return otherwise
	}
	return *size
}
