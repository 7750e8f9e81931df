package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress is a line on the terminal that shows that work goes on, and for how
// long. In a pipe there is none.
type progress struct {
	mu    sync.Mutex // held by what else writes to the terminal
	w     io.Writer
	begin time.Time
	drawn bool
	stop  func()
}

// progress begins a line, which done takes away.
func (p *Program) progress(what string, quiet bool) *progress {
	l := &progress{w: p.CLI.Err(), begin: time.Now(), stop: func() {}}
	if quiet || !isTerminal(os.Stderr) {
		return l
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.draw(ctx, what)
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

func (l *progress) draw(ctx context.Context, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() == nil {
		fmt.Fprintf(l.w, "\r%s … %.1fs", what, time.Since(l.begin).Seconds())
		l.drawn = true
	}
}

// aside clears the line while f writes to the terminal, or asks on it.
func (l *progress) aside(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	f()
}

func (l *progress) clear() {
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.drawn = false
	}
}

func (l *progress) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	l.clear()
}
