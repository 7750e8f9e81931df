//go:build linux

package fakevm

import (
	"os"
	"os/exec"
	"syscall"
)

// stageEnv makes a program that this one starts be something else than the
// command line tool. It never reaches a program in a tree.
const stageEnv = "FAKEVM_STAGE"

// Stage says what this process was started to be: "vm" is for [BootVM],
// "guest" for [EnterGuest], "probe" for [Probe], nothing for the tool. Others
// are the tool's own.
func Stage() string { return os.Getenv(stageEnv) }

// Tool is the name under which a test binary is the fake.
type Tool string

// Stage prepares a run of this program as something else.
func (t Tool) Stage(name string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Args[0] = string(t) // which a test binary looks at
	cmd.Env = []string{stageEnv + "=" + name, "GORACE=atexit_sleep_ms=0"}
	return cmd, nil
}

// Isolated is for a process in new namespaces. Only root can have them
// without a user namespace.
func Isolated() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return attr
}
