package tool

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// A process of a new group gets no Ctrl-C of the console's.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

func setBlocking(uintptr) {}
