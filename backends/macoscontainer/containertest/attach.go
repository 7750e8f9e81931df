//go:build linux

package containertest

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is how long the tool waits for output after a program's end.
const drainTime = 3 * time.Second

// stdio joins the tool's own input and output with a program's.
type stdio struct {
	interactive, terminal bool
	in, out, err          *os.File // the tool's ends of the pipes
	theirs                []*os.File
	saved                 *unix.Termios
	copies                sync.WaitGroup
}

// openStdio makes the pipes. It puts the terminal into raw mode and leaves
// stdin nonblocking for ever, as the real tool does.
func openStdio(interactive, terminal bool) (*stdio, error) {
	s := &stdio{interactive: interactive, terminal: terminal}
	var theirIn, theirOut, theirErr *os.File
	var err error
	if interactive && terminal {
		if s.saved, err = raw(); err != nil {
			return nil, err
		}
	}
	if interactive {
		if theirIn, s.in, err = os.Pipe(); err == nil {
			err = unix.SetNonblock(0, true)
		}
	} else {
		theirIn, err = os.Open(os.DevNull)
	}
	if err != nil {
		return nil, err
	}
	if s.out, theirOut, err = os.Pipe(); err != nil {
		return nil, err
	}
	if s.err, theirErr, err = os.Pipe(); err != nil {
		return nil, err
	}
	s.theirs = []*os.File{theirIn, theirOut, theirErr}
	return s, nil
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
	for _, f := range s.theirs {
		f.Close()
	}
	s.theirs = nil
}

// request sends a request with the program's ends of the pipes, and waits
// for the answer.
func (w wire) request(m message, s *stdio) error {
	var files []*os.File
	if s != nil {
		files = s.theirs
	}
	if err := w.send(m, files...); err != nil {
		return err
	}
	if s != nil {
		for _, f := range s.theirs {
			f.Close()
		}
		s.theirs = nil
	}
	answer, _, err := w.receive()
	if err == io.EOF {
		return failed("internalError", "the virtual machine ended")
	}
	if err != nil {
		return err
	}
	return answer.failure()
}

// start copies until the program's output ends. The files are opened anew,
// so that a stdin that became nonblocking is polled.
func (s *stdio) start() {
	if s.interactive {
		go func() {
			_, _ = io.Copy(s.in, os.NewFile(0, "stdin"))
			s.in.Close()
		}()
	}
	s.copies.Go(func() { _, _ = io.Copy(os.NewFile(1, "stdout"), s.out) })
	s.copies.Go(func() { _, _ = io.Copy(os.NewFile(2, "stderr"), s.err) })
}

// converse stays with a running program until its end.
func (c *call) converse(w wire, s *stdio) error {
	defer s.close()
	defer w.Close()
	forwardSignals(c.cli, s.terminal, func(n int) { _ = w.send(message{Signal: n}) })
	if s.terminal && s.interactive {
		go resize(w)
	}
	s.start()
	m, _, err := w.receive()
	if err != nil || !m.Exited {
		m.Status = 128 + int(syscall.SIGKILL) // with the machine
	}
	drained := make(chan struct{})
	go func() {
		s.copies.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainTime):
		return errors.New("CancellationError()")
	}
	if m.Status == 0 {
		return nil
	}
	return exitStatus(m.Status)
}

// resize tells the program the size of the terminal, now and when it changes.
func resize(w wire) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil && size.Row > 0 {
			if w.send(message{Rows: size.Row, Cols: size.Col}) != nil {
				return
			}
		}
		<-changed
	}
}
