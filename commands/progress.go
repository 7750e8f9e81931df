package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/docker-bottle/docker-bottle/backends"
)

// progress is a line on the terminal that shows what is done just now, for how
// long that has been going on, and whether the agent is paused for it. It is
// there from the first report on, but not for work that is soon over, and gone
// when the work is done. Where there is no terminal that can be drawn on there
// is none.
//
// It is our own, as it has to make way: for notices, for questions, and for
// builders that draw themselves. The libraries for bars keep the terminal.
type progress struct {
	what  string
	w     io.Writer
	width func() int // 0 if nothing can be drawn
	now   atomic.Pointer[backends.Progress]
	stop  func()

	begin sync.Once
	began time.Time

	mu    sync.Mutex
	drawn bool
	aways int // what else writes to the terminal
	ended bool
}

const (
	patience = 300 * time.Millisecond // what is over before that is not shown
	refresh  = 100 * time.Millisecond
)

// progress returns a context under which what is reported is shown, until done
// is called on the line.
func (p *Program) progress(ctx context.Context, what string) (context.Context, *progress) {
	l := &progress{what: what, w: p.CLI.Err(), width: stderrWidth}
	if p.quiet || !drawable() {
		l.width = func() int { return 0 }
	}
	p.line = l
	return backends.WithProgress(ctx, l.report), l
}

// drawable reports whether a line on stderr can be written over.
func drawable() bool { return isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb" }

func stderrWidth() int {
	width, _ := winsize(os.Stderr)
	return width
}

func (l *progress) report(now backends.Progress) {
	l.now.Store(&now)
	l.begin.Do(l.run)
}

func (l *progress) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.width() == 0 {
		return
	}
	l.began = time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		for next := patience; ; next = refresh {
			select {
			case <-time.After(next):
				l.draw()
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (l *progress) draw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now.Load()
	if l.ended || l.aways > 0 || now == nil {
		return
	}
	// Not up to the edge, where some terminals begin the next line.
	text := l.text(*now, time.Since(l.began), l.width()-1)
	fmt.Fprint(l.w, "\r"+text+"\x1b[K")
	l.drawn = true
}

// text is the line in that many columns. What is cut off is the end of the
// step, which may be a builder's and of any length.
func (l *progress) text(now backends.Progress, took time.Duration, width int) string {
	begin, end := l.what+": "+plain(now.Step), ""
	switch {
	case now.Total > 0 && now.Done > 0:
		end = ", " + humanSize(now.Done) + " of " + humanSize(now.Total)
	case now.Total+now.Done > 0:
		end = ", " + humanSize(now.Total+now.Done)
	}
	end += fmt.Sprintf(", %.1fs", took.Seconds())
	if now.Paused {
		end += ", the agent is paused"
	}
	if room := width - ansi.StringWidth(end); room > 0 {
		return ansi.Truncate(begin, room, "…") + end
	}
	return ansi.Truncate(begin+end, max(width, 0), "")
}

// aside takes the line away while f writes to the terminal, or asks on it.
func (l *progress) aside(f func()) {
	if l == nil {
		f()
		return
	}
	l.away(1)
	defer l.away(-1)
	f()
}

func (l *progress) away(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aways += n
	l.clear()
}

// lend takes the line away until the next report.
func (l *progress) lend() {
	l.now.Store(nil)
	l.aside(func() {})
}

func (l *progress) clear() {
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.drawn = false
	}
}

// done takes the line away for good.
func (l *progress) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.stop != nil {
		l.stop()
	}
	l.clear()
}

// seconds is a time as a person has it: 40ms, 0.4s, 1m12s.
func seconds(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return max(d, time.Millisecond).Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
