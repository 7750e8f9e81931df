//go:build linux

package containertest

import (
	"errors"
	"os"
	"os/signal"
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
	saved                 *unix.Termios
}

// openStdio makes the pipes. It puts the terminal into raw mode and leaves
// stdin nonblocking for ever, as the real tool does.
func openStdio(interactive, terminal bool) (*stdio, error) {
	s := &stdio{interactive: interactive, terminal: terminal}
	var err error
	if interactive && terminal {
		if s.saved, err = raw(); err != nil {
			return nil, err
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

// raw puts the terminal into raw mode but for OPOST.
func raw() (*unix.Termios, error) {
	saved, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return nil, failed("unknown", "The operation couldn’t be completed. Inappropriate ioctl for device")
	}
	t := *saved
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return saved, unix.IoctlSetTermios(0, unix.TCSETS, &t)
}

func (s *stdio) close() {
	if s.saved != nil {
		_ = unix.IoctlSetTermios(0, unix.TCSETS, s.saved)
	}
	s.Close()
}

// converse stays with a running program until its end.
func (c *call) converse(w fakevm.Wire, s *stdio) error {
	defer s.close()
	defer w.Close()
	forwardSignals(c.cli, s.terminal, func(n int) { _ = w.Send(fakevm.Message{Signal: n}) })
	if s.terminal && s.interactive {
		go resize(w)
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

// resize tells the program the size of the terminal, now and when it changes.
func resize(w fakevm.Wire) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil && size.Row > 0 {
			if w.Send(fakevm.Message{Rows: size.Row, Cols: size.Col}) != nil {
				return
			}
		}
		<-changed
	}
}
