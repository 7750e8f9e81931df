//go:build linux

package fakevm

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Raw puts the tool's terminal into raw mode, its output too if that is asked
// for, and returns what undoes it.
func Raw(output bool) (restore func(), err error) {
	saved, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	t := *saved
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if output {
		t.Oflag &^= unix.OPOST
	}
	return func() { _ = unix.IoctlSetTermios(0, unix.TCSETS, saved) }, unix.IoctlSetTermios(0, unix.TCSETS, &t)
}

// TerminalSize is that of the tool's terminal, if there is one with a size.
func TerminalSize() (rows, cols uint16, ok bool) {
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 {
		return 0, 0, false
	}
	return size.Row, size.Col, true
}

// Follow tells the program the size of the tool's terminal, now and when it
// changes.
func (w Wire) Follow() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		if rows, cols, ok := TerminalSize(); ok {
			if w.Send(Message{Rows: rows, Cols: cols}) != nil {
				return
			}
		}
		<-changed
	}
}
