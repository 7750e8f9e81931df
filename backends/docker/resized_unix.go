//go:build !windows

package docker

import (
	"os"
	"os/signal"
	"syscall"
)

// resized returns a channel that something is sent on when the terminal's
// size may have changed.
func resized() (changed <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
