//go:build !windows

package smolmachines

import (
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// tryLock locks the open file, which those share who inherit it.
func tryLock(f *os.File) bool { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil }

// inherit hands the open file on to cmd, and to what that starts.
func inherit(cmd *exec.Cmd, f *os.File) { cmd.ExtraFiles = append(cmd.ExtraFiles, f) }
