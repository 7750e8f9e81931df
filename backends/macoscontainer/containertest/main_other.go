//go:build !linux

package containertest

import (
	"errors"
	"fmt"
	"os"
)

// Main refuses to run: containers need Linux namespaces.
func Main() {
	fmt.Fprintln(os.Stderr, "containertest: only on Linux")
	os.Exit(70)
}

// Available says that there are no containers here.
func Available() error { return errors.ErrUnsupported }

// Cleanup has nothing to do where no container can be.
func Cleanup(string) error { return errors.ErrUnsupported }
