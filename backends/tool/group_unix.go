//go:build !windows

package tool

import "syscall"

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// setBlocking undoes what a tool does to a terminal it was given.
func setBlocking(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) }
