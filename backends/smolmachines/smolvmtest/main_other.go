//go:build !linux

package smolvmtest

import (
	"errors"
	"fmt"
	"os"
)

// Main refuses to run: the machines need Linux namespaces.
func Main() {
	fmt.Fprintln(os.Stderr, "smolvmtest: only on Linux")
	os.Exit(70)
}

// Available says that there are no machines here.
func Available() error { return errors.ErrUnsupported }

// Reboot has nothing to end where no machine can be.
func Reboot(string) error { return errors.ErrUnsupported }

// Cleanup has nothing to do where no machine can be.
func Cleanup(string) error { return errors.ErrUnsupported }
