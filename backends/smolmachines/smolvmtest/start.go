//go:build linux

package smolvmtest

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func startCommand() *command {
	return &command{
		path:  "machine start",
		about: "Start a machine",
		late:  true,
		run:   runStart,
		options: `
-n --name <NAME>
--forkable
--branchable 1.14.0
--fork-pool-size <N>
--cuda-vram-limit-mib <M>
--proxy <URL>
--no-proxy <LIST>`,
	}
}

func runStart(c *call) error {
	for _, flag := range []string{"forkable", "branchable", "fork-pool-size", "cuda-vram-limit-mib"} {
		if c.has(flag) {
			return unfaked("machine start --" + flag)
		}
	}
	m, err := c.get()
	if err != nil {
		if !c.has("name") {
			return unfaked("a default machine")
		}
		return err
	}
	unlock, err := fakevm.Lock(m.file("vm.lock"), time.Millisecond)
	if errors.Is(err, fakevm.ErrBusy) {
		return agentError("start machine", "agent operation failed: start agent: another process is already starting or running this VM")
	}
	if err != nil {
		return err
	}
	defer unlock()
	if m, err = c.get(); err != nil { // as the last start has left it
		return err
	}
	switch state := m.state(); state {
	case "running":
		fmt.Printf("Machine '%s' already running (PID: %d)\n", m.Name, m.Process.Pid)
		return nil
	case "unreachable":
		fmt.Printf("Machine '%s' is unreachable (PID %d alive but agent unresponsive); cleaning up.\n", m.Name, m.Process.Pid)
		if err := m.end("stopped"); err != nil {
			return err
		}
	case "created", "stopped", "failed":
	default:
		return refuseSaved("start machine")
	}
	if err := c.boot(m); err != nil {
		return err
	}
	fmt.Printf("Machine '%s' running (PID: %d)\n", m.Name, m.Process.Pid)
	return nil
}

// refuseSaved is for a machine that is neither up nor down.
func refuseSaved(op string) error {
	return agentError(op, "machine has saved execution; use resume")
}

// boot returns when the workload runs.
func (c *call) boot(m *machine) error {
	fmt.Fprintf(os.Stderr, "Starting machine '%s'%s%s...\n", m.Name, with(len(m.Mounts), "mount"), with(len(m.Ports), "port mapping"))
	if err := c.free(m); err != nil {
		return err
	}
	if err := m.sources(); err != nil {
		return err
	}
	if err := c.bootable(); err != nil {
		return fmt.Errorf("agent operation failed: start machine: %w", err)
	}
	if registry(m.Image) && m.From == "" {
		fmt.Fprintf(os.Stderr, "Pulling %s...\n", m.Image)
		return agentError("pull image", "crane pull failed: no network in smolvmtest")
	}
	config, err := m.unpack()
	if err != nil {
		return err
	}
	process, err := m.launch()
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	go func() {
		<-interrupted
		process.Kill(syscall.SIGKILL)
		os.Exit(130)
	}()
	time.Sleep(c.startDelay)
	if config != nil {
		m.adopt(*config)
	}
	err = m.prepare()
	if cause, ok := c.told(); ok {
		err = agentError("start machine", "%s", cause)
	}
	if err != nil {
		process.Kill(syscall.SIGKILL)
		process.Ended(time.Minute)
		return err
	}
	adopted := *m
	return m.change(func(m *machine) {
		m.Config, m.Entrypoint, m.Cmd = adopted.Config, adopted.Entrypoint, adopted.Cmd
		m.State, m.Process, m.Execs, m.InitCompleted = "running", process, 0, true
	})
}

func with(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" with %d %s(s)", n, what)
}

// adopt takes over what the image says, at the first start.
func (m *machine) adopt(image image) {
	m.Config = image.config
	if len(m.Cmd) == 0 {
		m.Entrypoint, m.Cmd = image.entrypoint, image.cmd
	}
}

// free makes sure that no running machine has one of the ports.
func (c *call) free(m *machine) error {
	all, err := c.machines()
	if err != nil {
		return err
	}
	for _, other := range all {
		for _, theirs := range other.Ports {
			for _, ours := range m.Ports {
				if other.Name != m.Name && other.alive() && ours.Host == theirs.Host {
					return configError("start machine", "host port %d is already in use by running machine '%s'", ours.Host, other.Name)
				}
			}
		}
	}
	return nil
}

// sources looks for the directories that are to be mounted. Newer versions
// only find out that the machine does not come up.
func (m *machine) sources() error {
	for _, v := range m.Mounts {
		if info, err := os.Stat(v.Host); err == nil && info.IsDir() {
			continue
		}
		if m.settings.version.atLeast(1, 14, 3) {
			return agentError("start machine", "agent operation failed: wait for ready: agent did not become ready within 30 seconds")
		}
		return fmt.Errorf("mount source not found: %s", v.Host)
	}
	return nil
}
