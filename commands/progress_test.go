package commands

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/streams"
	"github.com/moby/term"

	"github.com/docker-bottle/docker-bottle/backends"
)

func TestProgressText(t *testing.T) {
	l := &progress{what: "freezing web"}
	for _, tt := range []struct {
		name  string
		now   backends.Progress
		width int
		want  string
	}{
		{"step", backends.Progress{Step: "loading"}, 79, "freezing web: loading, 1.2s"},
		{"done", backends.Progress{Step: "reading", Done: 12_300_000}, 79, "freezing web: reading, 12.3MB, 1.2s"},
		{"of", backends.Progress{Step: "packing", Done: 12_300_000, Total: 1_200_000_000}, 79, "freezing web: packing, 12.3MB of 1.2GB, 1.2s"},
		{"total", backends.Progress{Step: "loading", Total: 1_200_000_000}, 79, "freezing web: loading, 1.2GB, 1.2s"},
		{"paused", backends.Progress{Step: "committing", Paused: true}, 79, "freezing web: committing, 1.2s, the agent is paused"},
		{"cut", backends.Progress{Step: "a step that a builder has named", Paused: true}, 50, "freezing web: a step t…, 1.2s, the agent is paused"},
		{"wide", backends.Progress{Step: "日本語日本語"}, 26, "freezing web: 日本…, 1.2s"},
		{"narrow", backends.Progress{Step: "loading", Paused: true}, 10, "freezing w"},
		{"nothing", backends.Progress{Step: "loading"}, -1, ""},
		{"escapes", backends.Progress{Step: "\x1b[31m#5\x1b[0m a\tb\x1b"}, 79, "freezing web: #5 a b, 1.2s"},
	} {
		got := l.text(tt.now, 1234*time.Millisecond, tt.width)
		if got != tt.want || ansi.StringWidth(got) > max(tt.width, 0) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Microsecond:         "1ms",
		43210 * time.Microsecond: "43ms",
		432 * time.Millisecond:   "0.4s",
		59949 * time.Millisecond: "59.9s",
		72 * time.Second:         "1m12s",
	} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// terminalScreen is a terminal that a line is drawn on.
type terminalScreen struct {
	*progress
	tty *os.File
	mu  sync.Mutex
	all bytes.Buffer
}

func newScreen(t *testing.T, columns uint16) *terminalScreen {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close(); master.Close() })
	s := &terminalScreen{tty: tty}
	s.resize(t, columns)
	s.progress = &progress{what: "freezing web", w: tty, width: func() int {
		size, err := term.GetWinsize(tty.Fd())
		if err != nil {
			t.Error(err)
			return 0
		}
		return int(size.Width)
	}}
	t.Cleanup(s.done) // before the terminal is closed
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			s.mu.Lock()
			s.all.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *terminalScreen) resize(t *testing.T, columns uint16) {
	t.Helper()
	if err := pty.Setsize(s.tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

func (s *terminalScreen) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// await waits for text, after what was shown before.
func (s *terminalScreen) await(t *testing.T, after int, text string) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !strings.Contains(s.shown()[after:], text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the terminal has not shown %q, but %q", text, s.shown()[after:])
		}
	}
}

// The line is drawn over itself, fits a terminal that is made narrower, makes
// way for a notice and a builder, and is gone in the end.
func TestProgressScreen(t *testing.T) {
	s := newScreen(t, 80)
	s.report(backends.Progress{Step: "committing the container", Paused: true})
	s.await(t, 0, "\rfreezing web: committing the container, 0.")
	s.await(t, 0, "s, the agent is paused\x1b[K")

	seen := len(s.shown())
	s.resize(t, 40)
	s.await(t, seen, "\rfreezing we…, 0.")
	s.resize(t, 80)

	seen = len(s.shown())
	s.aside(func() {
		io.WriteString(s.tty, "a notice\n")
		time.Sleep(3 * refresh)
		s.report(backends.Progress{Step: "loading the image"})
	})
	s.await(t, seen, "\r\x1b[Ka notice\r\n\rfreezing web: loading the image, ")

	s.lend()
	seen = len(s.shown())
	time.Sleep(3 * refresh)
	if more := s.shown()[seen:]; strings.Contains(more, "freezing") {
		t.Errorf("while it was lent the terminal showed %q", more)
	}
	s.report(backends.Progress{Step: "creating"})
	s.await(t, seen, "\rfreezing web: creating, ")

	s.done()
	s.report(backends.Progress{Step: "late"})
	time.Sleep(3 * refresh)
	if all := s.shown(); !strings.HasSuffix(all, "\r\x1b[K") || strings.Contains(all, "\n\n") || strings.Contains(all, "late") {
		t.Errorf("the terminal showed at last %q", all[max(0, len(all)-80):])
	}
}

// What is soon over is not shown at all.
func TestProgressShort(t *testing.T) {
	s := newScreen(t, 80)
	s.report(backends.Progress{Step: "one"})
	time.Sleep(patience / 3)
	s.report(backends.Progress{Step: "two"})
	s.done()
	time.Sleep(patience)
	if all := s.shown(); all != "" {
		t.Errorf("the terminal showed %q", all)
	}
}

// piped makes stderr a pipe for the rest of the test.
func piped(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = w
	t.Cleanup(func() { os.Stderr = old; r.Close(); w.Close() })
}

// Nothing is drawn in a pipe, and with --quiet only warnings are said.
func TestQuiet(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		var errOut bytes.Buffer
		dockerCLI, err := command.NewDockerCli(command.WithErrorStream(&errOut), command.WithOutputStream(streams.NewOut(io.Discard)))
		if err != nil {
			t.Fatal(err)
		}
		piped(t)
		p := &Program{CLI: dockerCLI, quiet: quiet}
		ctx, line := p.progress(context.Background(), "freezing web")
		backends.Report(ctx, backends.Progress{Step: "committing"})
		time.Sleep(2 * patience)
		p.notify("news")
		p.warn("lost")
		line.done()
		want := "news\nlost\n"
		if quiet {
			want = "lost\n"
		}
		if got := errOut.String(); got != want {
			t.Errorf("quiet %v: got %q, want %q", quiet, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		" \n\n":                  "",
		"#1 one\n#2 two\n":       "#2 two",
		"10%\r20%\r":             "20%",
		"#3 begins\n  indented ": "indented",
	} {
		if got := lastLine([]byte(text)); got != want {
			t.Errorf("of %q: got %q, want %q", text, got, want)
		}
	}
}
