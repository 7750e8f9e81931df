//go:build linux

package containertest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

const tool fakevm.Tool = "container"

// Main is the program.
func Main() {
	switch fakevm.Stage() {
	case "vm":
		tool.BootVM(vmEnded)
	case "guest":
		fakevm.EnterGuest()
	case "export":
		serve(settings.exportRoot)
	case "stop":
		serve(settings.stop)
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
	if err := s.record(args); err != nil {
		return err
	}
	c, err := parse(args, s)
	if err != nil {
		return err
	}
	if c.command == nil {
		return nil // help or the version, already printed
	}
	if err := c.up(); err != nil {
		return err
	}
	if c.named(c.hang) {
		c.hangForever()
	}
	if err := c.told(); err != nil {
		return err
	}
	return c.command.run(c)
}

// call is one invocation of a command.
type call struct {
	settings
	command *command
	flags   map[string][]string
	args    []string
}

func (c *call) has(flag string) bool { return len(c.flags[flag]) > 0 }

// last returns the value of an option: of several, the last one counts.
func (c *call) last(option string) string {
	values := c.flags[option]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// named reports whether names has this command.
func (c *call) named(names []string) bool {
	return slices.ContainsFunc(names, c.command.named)
}

// told returns the failure that the environment asks for.
func (c *call) told() error {
	for name, cause := range c.fail {
		if c.command.named(name) {
			return c.command.failure(cause, c.args)
		}
	}
	return nil
}

func (c *call) hangForever() {
	// Those that stay with a program have installed their handlers by the time
	// they wait.
	if path := c.command.path; path == "exec" || path == "run" || c.has("attach") {
		forwardSignals(c.cli, c.has("tty"), func(int) {})
	}
	for {
		time.Sleep(time.Hour)
	}
}

// record appends the arguments to the log of the calls.
func (s settings) record(args []string) error {
	if s.log == "" {
		return nil
	}
	return fakevm.Record(s.log, args)
}

// warn prints a line of the tool's log.
func warn(message string, fields ...string) {
	if len(fields) == 0 {
		fmt.Fprintln(os.Stderr, message)
		return
	}
	pairs := make([]string, 0, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%q: %q", fields[i], fields[i+1]))
	}
	fmt.Fprintf(os.Stderr, "%s: [%s]\n", message, strings.Join(pairs, ", "))
}
