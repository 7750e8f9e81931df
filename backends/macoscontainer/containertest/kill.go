//go:build linux

package containertest

import (
	"syscall"
	"time"
)

func killCommand() *command {
	return &command{
		path:    "kill",
		about:   "Kill or signal one or more running containers",
		options: "-a --all\n-s --signal <signal>",
		args:    "[<container-ids>...]",
		run:     runKill,
	}
}

func runKill(c *call) error {
	n, err := signalNumber(getOr(c.last("signal"), "KILL"))
	if err != nil {
		return err
	}
	return c.each("failed to kill container", func(ctr *container) error {
		b := ctr.lastBoot()
		if !ctr.running() || b.Pid == 0 {
			return failed("invalidState", "no runtime client exists: container is stopped")
		}
		since := ctr.mounted()
		if err := ctr.kill(n); err != nil {
			return err
		}
		if n != int(syscall.SIGKILL) || !c.server.atLeast(1, 0, 0) {
			return nil
		}
		if !b.Ended(time.Minute) {
			return failed("timeout", "container %s does not end", ctr.id())
		}
		if ctr.AutoRemove {
			return nil
		}
		return ctr.mount(since) // nobody says that the real one unmounts it
	})
}
