//go:build linux

package smolvmtest

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// newMachine is a root for one test, with a machine in it that runs.
func newMachine(t *testing.T) string {
	t.Parallel()
	b := newBase(t)
	root := filepath.Join(t.TempDir(), "root")
	t.Cleanup(func() {
		if err := Cleanup(root); err != nil {
			t.Error(err)
		}
	})
	must(t, root, "machine", "create", "--name", "one", "--image", b.archive, "--user", "root")
	must(t, root, "machine", "start", "--name", "one")
	return root
}

// invoke prepares a run of the tool.
func invoke(t *testing.T, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "smolvm", args...)
	cmd.Env = append(os.Environ(), "SMOLVMTEST_ROOT="+root, "GORACE=atexit_sleep_ms=10")
	cmd.Dir = t.TempDir()
	return cmd
}

func must(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := invoke(t, root, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("smolvm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// screen is a terminal that a test looks at.
type screen struct {
	t           *testing.T
	master, tty *os.File
	shown       strings.Builder
}

func newScreen(t *testing.T, rows, cols uint16) *screen {
	s := &screen{t: t}
	var err error
	if s.master, s.tty, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.master.Close(); s.tty.Close() })
	if err := s.master.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *screen) mode() *unix.Termios {
	s.t.Helper()
	mode, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return mode
}

// until reads until the terminal has shown a text, after what it was asked
// for before.
func (s *screen) until(text string) {
	s.t.Helper()
	buf := make([]byte, 256)
	for {
		if _, after, ok := strings.Cut(s.shown.String(), text); ok {
			s.shown.Reset()
			s.shown.WriteString(after)
			return
		}
		n, err := s.master.Read(buf)
		if err != nil {
			s.t.Fatalf("%v; the terminal shows %q", err, s.shown.String())
		}
		s.shown.Write(buf[:n])
	}
}

func (s *screen) enter(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// TestTerminal pins what exec -it does to the terminal that it is given.
func TestTerminal(t *testing.T) {
	root := newMachine(t)
	s := newScreen(t, 33, 77)
	before := s.mode()
	cmd := invoke(t, root, "machine", "exec", "--name", "one", "-it", "--", "sh", "-c",
		`trap i=1 INT; echo up; while [ ! "$i" ]; do sleep 0.05; done; stty size
until [ "$(stty size)" = "20 40" ]; do sleep 0.05; done; echo resized; read x; echo got $x; exit 6`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, s.tty, s.tty
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("up\r\n")
	during := s.mode()
	if during.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || during.Oflag&unix.OPOST != 0 {
		t.Errorf("lflag %o and oflag %o: not raw", during.Lflag, during.Oflag)
	}
	s.enter("\x03")
	s.until("33 77\r\n")
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	s.until("resized\r\n")
	s.enter("typed\r")
	s.until("got typed\r\n")
	if code := exitCode(cmd.Wait()); code != 6 {
		t.Errorf("exit status %d, want 6", code)
	}
	if after := s.mode(); *after != *before {
		t.Errorf("the terminal's mode was not restored: %+v, want %+v", after, before)
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return -1
}

// TestKilled pins that the tool's end is the program's, in each way of running
// one that has a tool that waits.
func TestKilled(t *testing.T) {
	root := newMachine(t)
	for _, flags := range [][]string{{}, {"--stream"}, {"-i"}, {"-t"}} {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT} {
			mark := "/tmp/up" + strings.Join(flags, "") + signal.String()
			args := append([]string{"machine", "exec", "--name", "one"}, flags...)
			cmd := invoke(t, root, append(args, "--", "sh", "-c", `trap '' TERM INT HUP; echo $$ >"$1"; while :; do sleep 1; done`, "sh", mark)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			must(t, root, "machine", "exec", "--name", "one", "--", "sh", "-c", `until grep -q . "$1" 2>/dev/null; do sleep 0.05; done`, "sh", mark)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
				t.Errorf("%q: %v ended it with %v, want by the signal", flags, signal, err)
			}
			must(t, root, "machine", "exec", "--name", "one", "--timeout", "20s", "--", "sh", "-c", `while kill -0 $(cat "$1") 2>/dev/null; do sleep 0.05; done`, "sh", mark)
		}
	}
}

// TestInput pins that much input arrives whole.
func TestInput(t *testing.T) {
	root := newMachine(t)
	cmd := invoke(t, root, "machine", "exec", "--name", "one", "-i", "--", "wc", "-c")
	cmd.Stdin = io.LimitReader(zeros{}, 3_000_000)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil || out.String() != "3000000\n" {
		t.Errorf("got %q and %v", out.String(), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestConfirm pins that a person can say yes, and that nothing else is one.
func TestConfirm(t *testing.T) {
	root := newMachine(t)
	for _, tt := range []struct{ answer, want string }{
		{"\r", "Cancelled\r\n"},
		{"yep\r", "Cancelled\r\n"},
		{"Y\r", "Deleted machine: one\r\n"},
	} {
		s := newScreen(t, 24, 80)
		cmd := invoke(t, root, "machine", "delete", "--name", "one")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, s.tty, s.tty
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.until("Delete machine 'one'? [y/N] ")
		s.enter(tt.answer)
		s.until(tt.want)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: %v", tt.answer, err)
		}
	}
}

// TestConcurrent pins that invocations at the same time do not get in each
// other's way.
func TestConcurrent(t *testing.T) {
	root := newMachine(t)
	archive := newBase(t).archive
	names := []string{"aa", "bb", "cc"}
	var wg sync.WaitGroup
	made := make(chan string, 6)
	for _, name := range names {
		for range 2 { // one of which is refused
			wg.Go(func() {
				if invoke(t, root, "machine", "create", "--name", name, "--image", archive).Run() == nil {
					made <- name
				}
			})
		}
	}
	wg.Wait()
	if len(made) != len(names) {
		t.Errorf("%d machines were created, want %d", len(made), len(names))
	}
	for _, name := range names {
		for range 2 {
			wg.Go(func() { _ = invoke(t, root, "machine", "start", "--name", name).Run() })
		}
	}
	wg.Wait()
	for _, name := range names {
		if out := must(t, root, "machine", "status", "--name", name); !strings.Contains(out, "running") {
			t.Errorf("%s", out)
		}
		wg.Go(func() { _ = invoke(t, root, "machine", "stop", "--name", name).Run() })
		wg.Go(func() { _ = invoke(t, root, "machine", "delete", "--name", name, "-f").Run() })
	}
	wg.Wait()
	if out := must(t, root, "machine", "ls", "--quiet"); out != "one\n" {
		t.Errorf("left: %q", out)
	}
}

// TestCleanup pins that nothing is left, not even what its owner cannot write
// to.
func TestCleanup(t *testing.T) {
	root := newMachine(t)
	must(t, root, "machine", "exec", "--name", "one", "--", "sh", "-c", "mkdir -p /locked/in; chmod 0 /locked")
	m, err := settings{root: root}.machine("one")
	if err != nil {
		t.Fatal(err)
	}
	if !m.Process.Alive() {
		t.Error("the machine does not run")
	}
	if err := Cleanup(root); err != nil {
		t.Fatal(err)
	}
	if m.Process.Alive() {
		t.Error("the machine still runs")
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := Cleanup(filepath.Join(root, "nowhere")); err != nil {
		t.Error(err)
	}
}
