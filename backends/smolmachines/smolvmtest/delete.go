//go:build linux

package smolvmtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func deleteCommand() *command {
	return &command{
		path:    "machine delete",
		aliases: []string{"rm"},
		about:   "Delete a machine",
		options: "-n --name <NAME>\n-f --force\n--cascade",
		late:    true,
		run:     runDelete,
	}
}

func runDelete(c *call) error {
	if !c.has("name") {
		return c.missing("--name <NAME>")
	}
	m, err := c.get()
	if err != nil {
		return err
	}
	if state := m.state(); state == "running" || state == "unreachable" {
		fmt.Printf("Stopping machine '%s'...\n", m.Name)
		if err := m.end("stopped"); err != nil { // before it asks
			return err
		}
	}
	if !c.has("force") {
		if err := c.confirm(m); err != nil {
			return err
		}
	}
	if cause, ok := c.told(); ok {
		return agentError("delete machine", "%s", cause)
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Printf("Cleaning up data directory for vm: %s\n", m.Name)
	if err := errors.Join(fakevm.Remove(m.dir()), os.Remove(c.record(m.Name))); err != nil {
		return err
	}
	fmt.Printf("Deleted machine: %s\n", m.Name)
	return nil
}

// confirm asks. Nobody to answer is a no, which was a success once.
func (c *call) confirm(m *machine) error {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil && c.version.atLeast(1, 17, 0) {
		return configError("delete machine", "deleting '%s' needs confirmation but stdin is not a terminal; pass --force to delete it", m.Name)
	}
	fmt.Fprintf(os.Stderr, "Delete machine '%s'? [y/N] ", m.Name)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // at its end, what there is
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	fmt.Println("Cancelled")
	return exitStatus(0)
}
