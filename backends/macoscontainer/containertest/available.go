//go:build linux

package containertest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Available says why containers cannot run on this machine: without root they
// need user namespaces, which some systems keep to themselves. It is for
// tests whose binary is the tool.
func Available() error {
	cmd, err := stage("probe")
	if err != nil {
		return err
	}
	cmd.SysProcAttr = isolated()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("containers need root or user namespaces: %w", err)
	}
	return nil
}

// probe is the main function of a process that tries to mount something.
func probe() {
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
