//go:build linux

package smolvmtest

import (
	"fmt"
	"syscall"
	"time"
)

func stopCommand() *command {
	return &command{
		path:    "machine stop",
		about:   "Stop a machine",
		options: "-n --name <NAME>",
		late:    true,
		run:     runStop,
	}
}

func runStop(c *call) error {
	m, err := c.get()
	if err != nil {
		return err
	}
	switch state := m.state(); state {
	case "running", "unreachable":
	case "created", "stopped", "failed":
		fmt.Printf("Machine '%s' is not running (state: %s)\n", m.Name, state)
		return nil
	default:
		return refuseSaved("stop machine")
	}
	fmt.Printf("Stopping machine '%s'...\n", m.Name)
	if cause, ok := c.told(); ok {
		return agentError("stop machine", "%s", cause)
	}
	if err := m.end("stopped"); err != nil {
		return err
	}
	fmt.Printf("Stopped machine: %s\n", m.Name)
	return nil
}

// end ends all that runs in the machine.
func (m *machine) end(state string) error {
	m.Process.Kill(syscall.SIGKILL)
	if !m.Process.Ended(time.Minute) {
		return agentError("stop machine", "the VM does not end")
	}
	return m.change(func(m *machine) { m.State = state })
}
