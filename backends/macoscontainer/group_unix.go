//go:build !windows

package macoscontainer

import "syscall"

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// setBlocking undoes what the tool does to a terminal it was given.
func setBlocking(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) }
