//go:build linux

package containertest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootRequest is what a virtual machine needs to know.
type bootRequest struct {
	Dir        string    `json:"dir"`
	Root       string    `json:"root"`
	ReadOnly   bool      `json:"readOnly,omitempty"`
	Mounts     []vmMount `json:"mounts,omitempty"`
	Init       guestSpec `json:"init"`
	AutoRemove bool      `json:"autoRemove,omitempty"`
}

// startVM starts a process that stands for a virtual machine: the first of
// its pid namespace, whose end is the end of all that run in it, with mounts
// that nobody else sees.
func startVM() (wire, *exec.Cmd, error) {
	near, far, err := pair()
	if err != nil {
		return wire{}, nil, err
	}
	defer far.Close()
	cmd, err := stage("vm")
	if err != nil {
		return wire{}, nil, err
	}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{far}
	cmd.SysProcAttr = isolated()
	cmd.SysProcAttr.Setsid = true // it outlives the tool, and the terminal of the tool
	return near, cmd, cmd.Start()
}

// stage prepares a run of this program as something else.
func stage(name string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Args[0] = "container" // which a test binary looks at
	cmd.Env = []string{stageEnv + "=" + name, "GORACE=atexit_sleep_ms=0"}
	return cmd, nil
}

// isolated is for a process in new namespaces. Only root can have them
// without a user namespace.
func isolated() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// vm is the running virtual machine.
type vm struct {
	request bootRequest
	init    *guest
	pidfd   int
}

// bootVM is the main function of a virtual machine.
func bootVM() {
	boot, err := wireOf(os.NewFile(3, "boot"))
	if err != nil {
		os.Exit(70)
	}
	m, files, err := boot.receive()
	if err != nil || m.Boot == nil {
		os.Exit(70)
	}
	v := &vm{request: *m.Boot, pidfd: -1}
	if err := v.start(files); err != nil {
		_ = boot.send(failureMessage(err)) // a tool that is gone does not care
		os.Exit(1)
	}
	_ = boot.send(message{Started: true})
	go v.watch()
	go v.init.listen(boot)
	status := v.init.wait()
	if v.request.AutoRemove {
		v.remove()
	}
	_ = boot.send(message{Exited: true, Status: status})
	os.Exit(0)
}

func (v *vm) start(files []*os.File) error {
	if err := v.mount(); err != nil {
		return err
	}
	// Unix sockets have short paths, and the root may have a long one.
	if err := os.Chdir(v.request.Dir); err != nil {
		return err
	}
	_ = os.Remove("vm.sock") // of an earlier boot
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: "vm.sock", Net: "unixpacket"})
	if err != nil {
		return err
	}
	log, err := os.Create("stdio.log")
	if err != nil {
		return err
	}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, PidFD: &v.pidfd}
	if v.init, err = startGuest(v.request.Init, attr, files, log); err != nil {
		return err
	}
	go v.serve(listener)
	return nil
}

func (v *vm) serve(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		go v.handle(wire{conn})
	}
}

func (v *vm) handle(w wire) {
	defer w.Close()
	_ = w.SetWriteBuffer(maxMessage)
	m, files, err := w.receive()
	switch {
	case err != nil:
	case m.Kill != 0:
		_ = v.init.process.Signal(syscall.Signal(m.Kill))
		_ = w.send(message{Started: true})
	case m.Exec != nil:
		v.exec(w, *m.Exec, files)
	}
}

// exec runs a program to its end, whether or not the tool waits for it.
func (v *vm) exec(w wire, spec guestSpec, files []*os.File) {
	g, err := v.inside(func() (*guest, error) {
		return startGuest(spec, &syscall.SysProcAttr{}, files, nil)
	})
	if err != nil {
		_ = w.send(failureMessage(err))
		return
	}
	_ = w.send(message{Started: true})
	go g.listen(w)
	status := g.exited()
	_ = w.send(message{Exited: true, Status: status})
	g.copies.Wait()
}

// inside calls start on a thread whose children are in the container's pid
// namespace. The thread is not used again: it ends with the goroutine.
func (v *vm) inside(start func() (*guest, error)) (g *guest, err error) {
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

// watch ends the machine when its container was taken away, so that a test
// that removes its directories leaves no processes.
func (v *vm) watch() {
	for {
		time.Sleep(300 * time.Millisecond)
		if _, err := os.Stat(filepath.Join(v.request.Dir, "config.json")); errors.Is(err, os.ErrNotExist) {
			os.Exit(1)
		}
	}
}

// remove is the service's part of --rm.
func (v *vm) remove() {
	s := settings{root: filepath.Dir(filepath.Dir(v.request.Dir))}
	leave, err := s.service()
	if err != nil {
		return
	}
	defer leave()
	v.unmount()
	_ = remove(v.request.Dir) // what is left is reaped by the next command
}

func failureMessage(err error) message {
	var f *failure
	if errors.As(err, &f) {
		return message{Code: f.code, Error: f.message}
	}
	return message{Code: "unknown", Error: err.Error()}
}

// failure is the error that a message carries.
func (m message) failure() error {
	if m.Error == "" {
		return nil
	}
	return failed(m.Code, "%s", strings.TrimSpace(m.Error))
}
