//go:build linux

package fakevm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Available says why machines cannot run here: without root they need user
// namespaces, which some systems keep to themselves.
func (t Tool) Available() error {
	cmd, err := t.Stage("probe")
	if err != nil {
		return err
	}
	cmd.SysProcAttr = Isolated()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running programs in a tree needs root or user namespaces: %w", err)
	}
	return nil
}

// Probe is the main function of a process that tries to mount something.
func Probe() {
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
