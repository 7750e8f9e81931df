//go:build linux

package fakevm

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketName is where a machine listens, in its directory.
const socketName = "vm.sock"

// BootRequest is what a virtual machine needs to know.
type BootRequest struct {
	// Dir is the machine's own directory. Without the file named Marker in it
	// the machine ends, so that a test that removes its directories leaves no
	// processes.
	Dir      string  `json:"dir"`
	Marker   string  `json:"marker"`
	Root     string  `json:"root"`
	ReadOnly bool    `json:"readOnly,omitempty"`
	Mounts   []Mount `json:"mounts,omitempty"`
	Init     Spec    `json:"init"`
}

// Start starts a process that stands for a virtual machine: the first of its
// pid namespace, whose end is the end of all that run in it, with mounts that
// nobody else sees. It waits for a [BootRequest]. What is in env is in its
// environment, for everybody to see who may, and means nothing to it.
func (t Tool) Start(env ...string) (Wire, *exec.Cmd, error) {
	near, far, err := Pair()
	if err != nil {
		return Wire{}, nil, err
	}
	defer far.Close()
	cmd, err := t.Stage("vm")
	if err != nil {
		return Wire{}, nil, err
	}
	cmd.Dir = "/"
	cmd.Env = slices.Concat(env, cmd.Env)
	cmd.ExtraFiles = []*os.File{far}
	cmd.SysProcAttr = Isolated()
	cmd.SysProcAttr.Setsid = true // it outlives the tool, and the terminal of the tool
	return near, cmd, cmd.Start()
}

// VM is the running virtual machine.
type VM struct {
	Request BootRequest
	tool    Tool
	init    *Guest
	pidfd   int
}

// BootVM is the main function of a virtual machine. It calls atEnd, if there
// is one, when the first program has ended.
func (t Tool) BootVM(atEnd func(*VM)) {
	boot, err := WireOf(os.NewFile(3, "boot"))
	if err != nil {
		os.Exit(70)
	}
	m, files, err := boot.Receive()
	if err != nil || m.Boot == nil {
		os.Exit(70)
	}
	v := &VM{Request: *m.Boot, tool: t, pidfd: -1}
	if err := v.start(files); err != nil {
		_ = boot.Send(Message{Failure: asFailure(err)}) // a tool that is gone does not care
		os.Exit(1)
	}
	_ = boot.Send(Message{Started: true})
	go v.watch()
	go v.init.listen(boot)
	status := v.init.Wait()
	if atEnd != nil {
		atEnd(v)
	}
	_ = boot.Send(Message{Exited: true, Status: status})
	os.Exit(0)
}

func (v *VM) start(files []*os.File) error {
	if err := v.mount(); err != nil {
		return err
	}
	// Unix sockets have short paths, and the root may have a long one.
	if err := os.Chdir(v.Request.Dir); err != nil {
		return err
	}
	_ = os.Remove(socketName) // of an earlier boot
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socketName, Net: "unixpacket"})
	if err != nil {
		return err
	}
	log, err := os.Create("stdio.log")
	if err != nil {
		return err
	}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, PidFD: &v.pidfd}
	if v.init, err = v.tool.StartGuest(v.Request.Init, attr, files, log); err != nil {
		return err
	}
	go v.serve(listener)
	return nil
}

func (v *VM) serve(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		go v.handle(Wire{conn})
	}
}

func (v *VM) handle(w Wire) {
	defer w.Close()
	_ = w.SetWriteBuffer(maxMessage)
	m, files, err := w.Receive()
	switch {
	case err != nil:
	case m.Kill != 0:
		_ = v.init.process.Signal(syscall.Signal(m.Kill))
		_ = w.Send(Message{Started: true})
	case m.Exec != nil:
		v.exec(w, *m.Exec, files)
	}
}

// exec runs a program to its end, whether or not the tool waits for it, unless
// the program is tied to the tool.
func (v *VM) exec(w Wire, spec Spec, files []*os.File) {
	g, err := v.inside(func() (*Guest, error) {
		return v.tool.StartGuest(spec, &syscall.SysProcAttr{}, files, nil)
	})
	if err != nil {
		_ = w.Send(Message{Failure: asFailure(err)})
		return
	}
	_ = w.Send(Message{Started: true, Pid: g.Pid})
	go g.listen(w)
	status := g.exited()
	_ = w.Send(Message{Exited: true, Status: status})
	g.copies.Wait()
}

// inside calls start on a thread whose children are in the pid namespace of
// the first program. The thread is not used again: it ends with the goroutine.
func (v *VM) inside(start func() (*Guest, error)) (g *Guest, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(v.pidfd, unix.CLONE_NEWPID); err != nil {
			return
		}
		g, err = start()
	}()
	<-done
	return g, err
}

// watch ends the machine when its marker was taken away.
func (v *VM) watch() {
	for {
		time.Sleep(300 * time.Millisecond)
		if _, err := os.Stat(filepath.Join(v.Request.Dir, v.Request.Marker)); errors.Is(err, os.ErrNotExist) {
			os.Exit(1)
		}
	}
}
