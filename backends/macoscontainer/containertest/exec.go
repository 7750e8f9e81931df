//go:build linux

package containertest

import (
	"fmt"
	"slices"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func execCommand() *command {
	return &command{
		path:    "exec",
		about:   "Run a new command in a running container",
		options: processOptions + "\n-d --detach",
		args:    "<container-id> [<arguments>...]",
		passes:  true,
		run:     runExec,
	}
}

func runExec(c *call) error {
	ctr, err := c.get(c.args[0])
	if err != nil {
		return err
	}
	if !ctr.running() || ctr.lastBoot().Pid == 0 {
		return failed("invalidState", "container %s is not running", ctr.id())
	}
	if len(c.args) < 2 {
		return failed("invalidArgument", "no command specified for exec")
	}
	p, err := c.execProcess(ctr)
	if err != nil {
		return err
	}
	var io *stdio
	if !c.has("detach") {
		if io, err = openStdio(c.has("interactive"), c.has("tty")); err != nil {
			return err
		}
		defer io.close()
	}
	w, err := ctr.connect()
	if err != nil {
		return err
	}
	spec := ctr.guest(p, false)
	if err := request(w, fakevm.Message{Exec: &spec}, io); err != nil {
		return err
	}
	if io == nil {
		fmt.Println(ctr.id())
		return w.Close()
	}
	return c.converse(w, io)
}

// execProcess is the container's own process but for what the options say.
// Their environment comes after its own, so a key that is there already keeps
// its value.
func (c *call) execProcess(ctr *container) (process, error) {
	p := ctr.Configuration.InitProcess
	p.Executable, p.Arguments, p.Terminal = c.args[1], c.args[2:], c.has("tty")
	env, err := c.env()
	if err != nil {
		return p, err
	}
	p.Environment = slices.Concat(p.Environment, env)
	if c.has("workdir") {
		p.WorkingDirectory = c.last("workdir")
	}
	if c.has("user") || c.has("uid") || c.has("gid") {
		if p.User, err = c.user(""); err != nil {
			return p, err
		}
	}
	_, err = c.ulimits() // taken and not applied
	return p, err
}
