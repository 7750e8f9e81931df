//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

const tool fakevm.Tool = "smolvm"

// Main is the program.
func Main() {
	switch fakevm.Stage() {
	case "vm":
		tool.BootVM(nil)
	case "guest":
		fakevm.EnterGuest()
	case "probe":
		fakevm.Probe()
	}
	os.Exit(report(os.Stderr, run(os.Args[1:])))
}

func run(args []string) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	if err := fakevm.Record(s.path("argv.log"), args); err != nil {
		return err
	}
	if s.foreign {
		return runForeign(args)
	}
	c, err := parse(args, s)
	if err != nil || c == nil {
		return err // without a call, help or the version is already printed
	}
	if slices.ContainsFunc(c.hang, c.command.named) {
		for {
			time.Sleep(time.Hour)
		}
	}
	if cause, ok := c.told(); ok && !c.command.late {
		return fmt.Errorf("database operation failed: %s: %s", c.command.path, cause)
	}
	return c.command.run(c)
}

// call is one invocation of a command.
type call struct {
	settings
	command *command
	flags   map[string][]string
	// args are the words after "--".
	args []string
	argv []string
}

func (c *call) has(flag string) bool { return len(c.flags[flag]) > 0 }

// value is what an option was given, which is at most once.
func (c *call) value(option string) string { return strings.Join(c.flags[option], "") }

// told returns the cause of the failure that the environment asks for.
func (c *call) told() (cause string, ok bool) {
	for name, cause := range c.fail {
		if c.command.named(name) {
			return cause, true
		}
	}
	return "", false
}
