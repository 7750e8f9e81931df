//go:build linux

package fakevm

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

// Spec is one program to run in a tree.
type Spec struct {
	Root string   `json:"root"`
	Args []string `json:"args,omitempty"`
	// Env is all of the environment but for HOME, which is that of the user if
	// it is not there.
	Env      []string `json:"env,omitempty"`
	Dir      string   `json:"dir,omitempty"`
	User     string   `json:"user,omitempty"` // NAME[:GROUP], or numbers
	Terminal bool     `json:"terminal,omitempty"`
	// Rows and Cols are the terminal's size at first, if it has one.
	Rows uint16 `json:"rows,omitempty"`
	Cols uint16 `json:"cols,omitempty"`
	// MakeDir makes Dir if it is not there.
	MakeDir bool `json:"makeDir,omitempty"`
	// First programs of a pid namespace mount its /proc.
	First bool `json:"first,omitempty"`
	// Private programs mount /dev too, in a mount namespace of their own.
	Private bool `json:"private,omitempty"`
	// Reaper makes the program the child of one that passes signals on and
	// waits for orphans; Idle is that without a program.
	Reaper bool `json:"reaper,omitempty"`
	Idle   bool `json:"idle,omitempty"`
	// Tied programs are killed when the tool that started them goes away.
	Tied bool `json:"tied,omitempty"`
	// Mapped is set in a user namespace, where there is nobody but root.
	Mapped bool `json:"mapped,omitempty"`
}

// Guest is a running program, seen from outside of its tree.
type Guest struct {
	// Pid is what the program itself has as its pid.
	Pid      int
	tied     bool
	process  *os.Process
	terminal *os.File // nil without
	copies   sync.WaitGroup
	done     chan struct{}
	status   int
}

// StartGuest starts a program. The files are the tool's: input, output and
// errors; without them there is no input, and the output goes only to log.
func (t Tool) StartGuest(spec Spec, attr *syscall.SysProcAttr, files []*os.File, log io.Writer) (*Guest, error) {
	cmd, err := t.Stage("guest")
	if err != nil {
		return nil, err
	}
	g := &Guest{tied: spec.Tied, done: make(chan struct{})}
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
	closers, err := g.connect(cmd, spec, files, log)
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
	var who, m Message
	said := json.NewDecoder(failR)
	_ = said.Decode(&who) // one that cannot even say this fails next
	if err := said.Decode(&m); err == nil {
		_ = cmd.Wait()
		return nil, m.Failure
	}
	g.Pid = who.Pid
	go g.await(cmd)
	return g, nil
}

func (g *Guest) await(cmd *exec.Cmd) {
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
func (g *Guest) connect(cmd *exec.Cmd, spec Spec, files []*os.File, log io.Writer) ([]*os.File, error) {
	if spec.Terminal {
		master, tty, err := pty.Open()
		if err != nil {
			return nil, err
		}
		g.terminal = master
		if err := pty.Setsize(master, &pty.Winsize{Rows: spec.Rows, Cols: spec.Cols}); err != nil {
			return nil, err
		}
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
func (g *Guest) copy(from, to *os.File, log io.Writer) {
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
func (g *Guest) exited() int {
	<-g.done
	return g.status
}

// Wait also waits for the output, which ends with the namespace of a first
// program; a tool that does not read is left behind.
func (g *Guest) Wait() int {
	status := g.exited()
	waited(&g.copies, 3*time.Second)
	return status
}

// listen does what the tool asks for, until it is gone.
func (g *Guest) listen(w Wire) {
	for {
		m, _, err := w.Receive()
		if err != nil {
			if g.tied {
				_ = g.process.Kill() // ended already
			}
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
