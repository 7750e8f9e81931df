//go:build linux

package containertest

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// guestSpec is one program to run in a container.
type guestSpec struct {
	Root    string  `json:"root"`
	Process process `json:"process"`
	// First programs of a pid namespace mount its /proc.
	First bool `json:"first,omitempty"`
	// Private programs mount /dev too, in a mount namespace of their own.
	Private bool `json:"private,omitempty"`
	// Reaper is --init: the program is the child of one that passes signals
	// on and waits for orphans.
	Reaper bool `json:"reaper,omitempty"`
	SSH    bool `json:"ssh,omitempty"`
	// Mapped is set in a user namespace, where there is nobody but root.
	Mapped bool `json:"mapped,omitempty"`
}

// guest is a running program of a container, seen from outside of it.
type guest struct {
	process  *os.Process
	terminal *os.File // nil without
	copies   sync.WaitGroup
	done     chan struct{}
	status   int
}

// startGuest starts a program. The files are the tool's: input, output and
// errors; without them there is no input, and the output goes only to log.
func startGuest(spec guestSpec, attr *syscall.SysProcAttr, files []*os.File, log io.Writer) (*guest, error) {
	cmd, err := stage("guest")
	if err != nil {
		return nil, err
	}
	g := &guest{done: make(chan struct{})}
	attr.Setsid = true
	cmd.SysProcAttr = attr
	specR, specW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specR.Close()
	failR, failW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer failR.Close()
	cmd.ExtraFiles = []*os.File{specR, failW}
	closers, err := g.connect(cmd, spec.Process.Terminal, files, log)
	if err != nil {
		return nil, err
	}
	err = cmd.Start()
	failW.Close()
	for _, f := range closers {
		f.Close()
	}
	if err != nil {
		return nil, err
	}
	g.process = cmd.Process
	go func() {
		_ = json.NewEncoder(specW).Encode(spec) // a guest that cannot read it says so
		specW.Close()
	}()
	var m message
	if err := json.NewDecoder(failR).Decode(&m); err == nil {
		_ = cmd.Wait()
		return nil, m.failure()
	}
	go g.await(cmd)
	return g, nil
}

func (g *guest) await(cmd *exec.Cmd) {
	_ = cmd.Wait() // the state says it all
	g.status = cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		g.status = 128 + int(ws.Signal())
	}
	close(g.done)
}

// connect gives the program its input and output. A tool that goes away is
// not noticed inside: what it should have got is dropped. The files returned
// are the program's own.
func (g *guest) connect(cmd *exec.Cmd, terminal bool, files []*os.File, log io.Writer) ([]*os.File, error) {
	if terminal {
		master, tty, err := pty.Open()
		if err != nil {
			return nil, err
		}
		g.terminal = master
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr.Setctty = true
		if len(files) == 3 {
			go func() { _, _ = io.Copy(master, files[0]) }()
			files[2].Close()
			g.copy(master, files[1], log)
		} else {
			g.copy(master, nil, log)
		}
		return []*os.File{tty}, nil
	}
	var theirs []*os.File
	if len(files) == 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.Stdin = r
		theirs = append(theirs, r)
		go func() {
			_, _ = io.Copy(w, files[0])
			w.Close()
			files[0].Close()
		}()
	} else {
		files = []*os.File{nil, nil, nil}
	}
	for i, to := range files[1:] {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, w)
		if i == 0 {
			cmd.Stdout = w
		} else {
			cmd.Stderr = w
		}
		g.copy(r, to, log)
	}
	return theirs, nil
}

// copy passes on what the program prints, until the last of its children has
// closed the pipe.
func (g *guest) copy(from, to *os.File, log io.Writer) {
	g.copies.Go(func() {
		defer from.Close()
		if to != nil {
			defer to.Close()
		}
		buf := make([]byte, 32<<10)
		for open := to != nil; ; {
			n, err := from.Read(buf)
			if log != nil {
				_, _ = log.Write(buf[:n])
			}
			if open && n > 0 {
				_, failed := to.Write(buf[:n])
				open = failed == nil
			}
			if err != nil {
				return
			}
		}
	})
}

// exited waits for the program's end and returns its exit status.
func (g *guest) exited() int {
	<-g.done
	return g.status
}

// wait also waits for the output, which ends with the namespace of a first
// program; a tool that does not read is left behind.
func (g *guest) wait() int {
	status := g.exited()
	drained := make(chan struct{})
	go func() {
		g.copies.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(3 * time.Second):
	}
	return status
}

// listen does what the tool asks for, until it is gone.
func (g *guest) listen(w wire) {
	for {
		m, _, err := w.receive()
		if err != nil {
			return
		}
		if m.Signal != 0 {
			_ = g.process.Signal(syscall.Signal(m.Signal))
		}
		if m.Rows != 0 && g.terminal != nil {
			_ = pty.Setsize(g.terminal, &pty.Winsize{Rows: m.Rows, Cols: m.Cols})
		}
	}
}
