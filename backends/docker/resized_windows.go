package docker

import "time"

// resized returns a channel that something is sent on when the terminal's
// size may have changed. Windows has no signal for that; looking is cheap.
func resized() (changed <-chan time.Time, stop func()) {
	t := time.NewTicker(250 * time.Millisecond)
	return t.C, t.Stop
}
