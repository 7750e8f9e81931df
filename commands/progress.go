package commands

import (
	"fmt"
	"os"
	"time"
)

// progress shows on a terminal that work goes on, and for how long, until the
// returned function is called. In a pipe it is silent.
func (p *Program) progress(what string, quiet bool) (done func()) {
	if quiet || !isTerminal(os.Stderr) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(stopped)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(p.CLI.Err(), "\r%s … %.1fs", what, time.Since(begin).Seconds())
			case <-stop:
				fmt.Fprint(p.CLI.Err(), "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
