//go:build linux

package containertest

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// drainTime is how long the tool waits for output after a program's end.
const drainTime = 3 * time.Second

// stdio joins the tool's own input and output with a program's.
type stdio struct {
	*fakevm.Stdio
	interactive, terminal bool
	restore               func() // of the terminal; nil if it is as it was
}

// openStdio makes the pipes. It puts the terminal into raw mode and leaves
// stdin nonblocking for ever, as the real tool does.
func openStdio(interactive, terminal bool) (*stdio, error) {
	s := &stdio{interactive: interactive, terminal: terminal}
	var err error
	if interactive && terminal {
		if s.restore, err = fakevm.Raw(false); err != nil {
			return nil, failed("unknown", "The operation couldn’t be completed. Inappropriate ioctl for device")
		}
	}
	if interactive {
		if err := unix.SetNonblock(0, true); err != nil {
			return nil, err
		}
	}
	s.Stdio, err = fakevm.OpenStdio(interactive)
	return s, err
}

func (s *stdio) close() {
	if s.restore != nil {
		s.restore()
	}
	s.Close()
}

// converse stays with a running program until its end.
func (c *call) converse(w fakevm.Wire, s *stdio) error {
	defer s.close()
	defer w.Close()
	forwardSignals(c.cli, s.terminal, func(n int) { _ = w.Send(fakevm.Message{Signal: n}) })
	if s.terminal && s.interactive {
		go w.Follow()
	}
	// The files are opened anew, so that a stdin that became nonblocking is
	// polled.
	s.Copy(os.NewFile(0, "stdin"), os.NewFile(1, "stdout"), os.NewFile(2, "stderr"))
	m, _, err := w.Receive()
	if err != nil || !m.Exited {
		m.Status = 128 + int(syscall.SIGKILL) // with the machine
	}
	if !s.Drained(drainTime) {
		return errors.New("CancellationError()")
	}
	if m.Status == 0 {
		return nil
	}
	return exitStatus(m.Status)
}
