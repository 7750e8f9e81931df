//go:build linux

package containertest

import (
	"os"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// Cleanup ends all programs that run in containers below root, a directory
// that was CONTAINERTEST_ROOT, and empties it.
func Cleanup(root string) error {
	entries, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	s := settings{root: root}
	all, err := s.containers()
	if err != nil {
		return err
	}
	for _, ctr := range all {
		if ctr.running() {
			if err := ctr.stop(int(syscall.SIGKILL), 0); err != nil {
				return err
			}
		}
	}
	// An export may still be writing, also of a tool that was killed.
	leave, err := s.lock("service", time.Minute)
	if err != nil {
		return err
	}
	defer leave()
	for _, entry := range entries {
		if err := fakevm.Remove(s.path(entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
