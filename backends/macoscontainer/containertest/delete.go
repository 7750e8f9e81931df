//go:build linux

package containertest

import (
	"syscall"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func deleteCommand() *command {
	return &command{
		path:    "delete",
		aliases: []string{"rm"},
		about:   "Delete one or more containers",
		options: "-a --all\n-f --force",
		args:    "[<container-ids>...]",
		run:     runDelete,
	}
}

func runDelete(c *call) error {
	return c.each("failed to delete container", func(ctr *container) error {
		if ctr.running() {
			if !c.has("force") {
				return failed("invalidState", "container %s is running and can not be deleted", ctr.id())
			}
			if err := ctr.stop(int(syscall.SIGKILL), 0); err != nil {
				return err
			}
		}
		leave, err := c.service()
		if err != nil {
			return err
		}
		defer leave()
		return fakevm.Remove(ctr.dir)
	})
}
