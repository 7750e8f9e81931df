//go:build linux

package containertest

import (
	"errors"
	"fmt"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func runCommand() *command {
	return &command{
		path:       "run",
		about:      "Run a container",
		options:    createOptions + "\n--progress <type>",
		args:       "<image> [<arguments>...]",
		passes:     true,
		configured: true,
		run:        runRun,
	}
}

// runRun deletes what it has created if that does not start.
func runRun(c *call) error {
	if err := c.progress("auto", "none", "ansi", "plain", "color"); err != nil {
		return err
	}
	ctr, err := c.create("container with id %s already exists")
	if err != nil {
		return err
	}
	err = c.started(ctr)
	var status exitStatus
	if err != nil && !errors.As(err, &status) && !ctr.running() {
		_ = fakevm.Remove(ctr.dir)
	}
	return err
}

func (c *call) started(ctr *container) error {
	if cause, ok := c.fail["start"]; ok {
		return startCommand().failure(cause, []string{ctr.id()})
	}
	if c.has("detach") {
		if err := c.boot(ctr, nil); err != nil {
			return err
		}
		fmt.Println(ctr.id())
		return nil
	}
	io, err := openStdio(c.has("interactive"), c.has("tty"))
	if err != nil {
		return err
	}
	return c.boot(ctr, io)
}

// progress checks --progress, which draws nothing here.
func (c *call) progress(allowed ...string) error {
	if !c.has("progress") {
		return nil
	}
	for _, name := range allowed {
		if c.last("progress") == name {
			return nil
		}
	}
	return c.command.refuse("The value '%s' is invalid for '--progress <type>'", c.last("progress"))
}
