package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// traced is a program that is stopped before each change that it makes to the
// file system. So a test can kill it there, and nothing in the program knows
// of it: what is tried is what is shipped, and a write that somebody adds is
// found by itself.
type traced struct {
	path string
	args []string
	env  []string
	// change is called before a change to a path, or with "" before the
	// program ends. It may kill the program: what it was about to do is then
	// not done.
	change func(what, path string)
	// begun is told the program's pid before it does anything.
	begun func(pid int)
}

// run runs the program to its end, with its output in the file.
func (p traced) run(output *os.File) (syscall.WaitStatus, error) {
	type result struct {
		status syscall.WaitStatus
		err    error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // only the thread that traces may ask; it ends with the goroutine
		status, err := p.trace(output)
		done <- result{status, err}
	}()
	r := <-done
	return r.status, r.err
}

const (
	// What stops for a system call is told from what stops for a signal.
	sysgood = 0x80
	// The threads of the program are traced too, the programs it starts are
	// not, and none outlives this one.
	ptraceOptions = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | 0x100000 // PTRACE_O_EXITKILL
)

func (p traced) trace(output *os.File) (status syscall.WaitStatus, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	proc, err := os.StartProcess(p.path, p.args, &os.ProcAttr{
		Env:   p.env,
		Files: []*os.File{null, output, output},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		return 0, err
	}
	pid := proc.Pid
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return status, err
	}
	if err := syscall.PtraceSetOptions(pid, ptraceOptions); err != nil {
		return status, err
	}
	p.begun(pid)
	entered := map[int]bool{} // threads that are in a system call
	for thread, sig := pid, 0; ; {
		// A thread that was killed meanwhile is not there to go on.
		if err := syscall.PtraceSyscall(thread, sig); err != nil && err != syscall.ESRCH {
			return status, err
		}
		if thread, err = wait(pid, &status); err != nil {
			return status, err
		}
		sig = 0
		switch {
		case !status.Stopped():
			if thread == pid {
				return status, nil
			}
			delete(entered, thread)
		case status.StopSignal() == syscall.SIGTRAP|sysgood:
			if entered[thread] = !entered[thread]; entered[thread] {
				p.entered(pid, thread)
			}
		case status.StopSignal() == syscall.SIGTRAP, status.StopSignal() == syscall.SIGSTOP: // an event, a thread's first stop
		default:
			sig = int(status.StopSignal())
		}
	}
}

// wait waits for any thread of the program, and for nobody else's child.
func wait(pid int, status *syscall.WaitStatus) (thread int, err error) {
	for {
		thread, err = syscall.Wait4(-pid, status, syscall.WALL, nil)
		if err != syscall.EINTR {
			return thread, err
		}
	}
}

// entered looks at the system call that a thread is about to make.
func (p traced) entered(pid, thread int) {
	nr, args, ok := systemCall(thread)
	if !ok {
		return
	}
	at := func(dir, name int) string { return pathOf(pid, thread, int32(args[dir]), uintptr(args[name])) }
	switch nr {
	case syscall.SYS_EXIT_GROUP:
		p.change("exit", "")
	case syscall.SYS_RENAMEAT:
		p.change("rename", at(2, 3))
	case syscall.SYS_UNLINKAT:
		path := at(0, 1)
		if _, err := os.Lstat(path); err == nil {
			p.change("remove", path)
		}
	case syscall.SYS_MKDIRAT:
		p.change("mkdir", at(0, 1))
	case syscall.SYS_LINKAT:
		p.change("link", at(2, 3))
	case syscall.SYS_OPENAT:
		path := at(0, 1)
		if _, err := os.Lstat(path); err != nil && args[2]&syscall.O_CREAT != 0 {
			p.change("create", path)
		}
	}
}

// systemCall asks for what a thread is about to do, in the same way on every
// architecture (PTRACE_GET_SYSCALL_INFO).
func systemCall(thread int) (nr uint64, args [6]uint64, ok bool) {
	var info [88]byte
	n, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, 0x420e, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || n < 80 || info[0] != 1 { // 1 is for a call that is entered
		return 0, args, false
	}
	for i := range args {
		args[i] = binary.NativeEndian.Uint64(info[32+8*i:])
	}
	return binary.NativeEndian.Uint64(info[24:]), args, true
}

// pathOf is the path that a system call names, from the root.
func pathOf(pid, thread int, dir int32, address uintptr) string {
	buf := make([]byte, 4096)
	n, _ := syscall.PtracePeekData(thread, address, buf)
	name, _, _ := bytes.Cut(buf[:n], []byte{0})
	if strings.HasPrefix(string(name), "/") {
		return string(name)
	}
	link := fmt.Sprintf("/proc/%d/fd/%d", pid, dir)
	if dir == -100 { // AT_FDCWD
		link = fmt.Sprintf("/proc/%d/cwd", pid)
	}
	base, err := os.Readlink(link)
	if err != nil {
		return string(name)
	}
	return filepath.Join(base, string(name))
}
