//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// Reboot ends all programs that run in machines below root, a directory that
// was SMOLVMTEST_ROOT, and leaves what is known of the machines as it is.
func Reboot(root string) error {
	all, err := settings{root: root}.machines()
	if err != nil {
		return err
	}
	for _, m := range all {
		m.Process.Kill(syscall.SIGKILL)
		if !m.Process.Ended(time.Minute) {
			return fmt.Errorf("smolvmtest: machine %s does not end", m.Name)
		}
	}
	return nil
}

// Cleanup ends all programs that run in machines below root and empties it.
func Cleanup(root string) error {
	entries, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := Reboot(root); err != nil {
		return err
	}
	s := settings{root: root}
	for _, entry := range entries {
		if err := fakevm.Remove(s.path(entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
