//go:build linux

package containertest

import (
	"bytes"
	"errors"
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

// newRoot is a root for one test, with the image.
func newRoot(t *testing.T) (*base, string) {
	t.Parallel()
	b := newBase(t)
	root := filepath.Join(t.TempDir(), "root")
	if err := b.in(root, t.Cleanup); err != nil {
		t.Fatal(err)
	}
	return b, root
}

// begin starts the tool and waits until it has printed text.
func begin(t *testing.T, cmd *exec.Cmd, text string) (stderr *bytes.Buffer) {
	t.Helper()
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(out, buf); err != nil || string(buf) != text {
		t.Fatalf("got %q and %v, want %q", buf, err, text)
	}
	return stderr
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// TestSignals pins which versions pass a signal on to an exec'd program.
func TestSignals(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	program := "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"

	cmd := b.command(t, root, "exec", "one", "sh", "-c", program)
	begin(t, cmd, "up\n")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(cmd.Wait()); code != 5 {
		t.Errorf("exit status %d, want the program's", code)
	}

	cmd = b.command(t, root, "exec", "one", "sh", "-c", program)
	cmd.Env = append(cmd.Env, "CONTAINERTEST_VERSION=1.2.2")
	stderr := begin(t, cmd, "up\n")
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for waiting := true; waiting; {
		_ = cmd.Process.Signal(syscall.SIGTERM) // too late if it has ended
		select {
		case err := <-ended:
			waiting = false
			if code := exitCode(err); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
		case <-time.After(100 * time.Millisecond): // signals do not queue
		}
	}
	for _, want := range []string{"missing signal in xpc message", "\"signal\": 15]", "Received 3 SIGINT/SIGTERM's, forcefully exiting.\n"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr has no %q:\n%s", want, stderr)
		}
	}
	if out := b.must(t, root, "exec", "one", "ps"); !strings.Contains(out, "echo up") { // twice, while it forks
		t.Errorf("the program that was not signalled is gone:\n%s", out)
	}
}

// TestHang pins that a command that hangs can be interrupted where the real
// one could.
func TestHang(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	var wg sync.WaitGroup
	for name, args := range map[string][]string{"stop": {"stop", "one"}, "exec": {"exec", "one", "true"}, "load": {"image", "load"}} {
		wg.Go(func() {
			if ended := interrupted(t, b.command(t, root, args...)); ended == (name == "exec") {
				t.Errorf("%s: ended with its first SIGINT: %v", name, ended)
			}
		})
	}
	wg.Wait()
	if out := b.must(t, root, "ls", "-q"); out != "one\n" {
		t.Errorf("ls printed %q", out)
	}
}

// interrupted reports whether a command that hangs ends with a SIGINT.
func interrupted(t *testing.T, cmd *exec.Cmd) bool {
	cmd.Env = append(cmd.Env, "CONTAINERTEST_HANG=stop, exec, image load", "CONTAINERTEST_VERSION=1.2.2")
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return false
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	time.Sleep(time.Second)
	_ = cmd.Process.Signal(syscall.SIGINT) // ended already, if it does not hang
	select {
	case <-ended:
		return true
	case <-time.After(time.Second):
		_ = cmd.Process.Kill()
		<-ended
		return false
	}
}

// TestTerminal pins what exec -it does to the terminal that it is given.
func TestTerminal(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	fd := int(tty.Fd()) // makes it blocking
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := b.command(t, root, "exec", "-it", "one", "sh", "-c", "sleep 0.3; stty size; read x; echo got $x; exit 6")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	read := func(until string) {
		buf := make([]byte, 256)
		for !strings.Contains(shown.String(), until) {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatalf("%v; the terminal shows %q", err, shown.String())
			}
			shown.Write(buf[:n])
		}
	}
	read("33 77")
	during, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if during.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || during.Oflag&unix.OPOST == 0 {
		t.Errorf("lflag %o and oflag %o: not raw, or without OPOST", during.Lflag, during.Oflag)
	}
	if _, err := master.WriteString("typed\r"); err != nil {
		t.Fatal(err)
	}
	read("got typed")
	if code := exitCode(cmd.Wait()); code != 6 {
		t.Errorf("exit status %d, want 6", code)
	}
	after, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if after.Lflag != before.Lflag || after.Iflag != before.Iflag {
		t.Error("the terminal's mode was not restored")
	}
	if !nonblocking(t, tty) {
		t.Error("stdin is blocking again: the real tool leaves it nonblocking")
	}
}

// nonblocking asks without Fd, which would change the answer.
func nonblocking(t *testing.T, f *os.File) (is bool) {
	t.Helper()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		is = err == nil && flags&unix.O_NONBLOCK != 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// TestStdinNonblocking pins the same for a pipe.
func TestStdinNonblocking(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Fd() // makes it blocking
	cmd := b.command(t, root, "exec", "-i", "one", "wc", "-c")
	cmd.Stdin = r
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 3_000_000)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := cmd.Wait(); err != nil || out.String() != "3000000\n" {
		t.Errorf("got %q and %v", out.String(), err)
	}
	if !nonblocking(t, r) {
		t.Error("stdin is blocking again: the real tool leaves it nonblocking")
	}
}

// TestDrain pins that output which nobody reads is given up.
func TestDrain(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	out, err := b.command(t, root, "exec", "one", "sh", "-c", "echo up; sleep 100 &").CombinedOutput()
	if code := exitCode(err); code != 1 || string(out) != "up\nError: CancellationError()\n" {
		t.Errorf("exit status %d, output %q", code, out)
	}
}

// TestConcurrent pins that invocations at the same time do not get in each
// other's way.
func TestConcurrent(t *testing.T) {
	b, root := newRoot(t)
	names := []string{"aa", "bb", "cc", "dd"}
	var wg sync.WaitGroup
	for _, name := range names {
		for range 2 { // one of which is refused
			wg.Go(func() { _ = b.command(t, root, "run", "-d", "--name", name, "base").Run() })
		}
	}
	wg.Wait()
	if out := b.must(t, root, "ls", "-q"); out != strings.Join(names, "\n")+"\n" {
		t.Errorf("ls printed %q", out)
	}
	for _, name := range names {
		wg.Go(func() { _ = b.command(t, root, "start", name).Run() })
		wg.Go(func() { _ = b.command(t, root, "rm", "-f", name).Run() })
	}
	wg.Wait()
	if out := b.must(t, root, "ls", "-q"); out != "" {
		t.Errorf("ls printed %q", out)
	}
}

// TestCleanup pins that nothing is left, not even what its owner cannot
// write to.
func TestCleanup(t *testing.T) {
	b, root := newRoot(t)
	b.must(t, root, "run", "-d", "--name", "one", "base")
	b.must(t, root, "exec", "one", "sh", "-c", "mkdir -p /locked/in; chmod 0 /locked")
	machine := settings{root: root}.bootOf(t, "one")
	if err := Cleanup(root); err != nil {
		t.Fatal(err)
	}
	if machine.Alive() {
		t.Error("the virtual machine still runs")
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := Cleanup(filepath.Join(root, "nowhere")); err != nil {
		t.Error(err)
	}
}

func (s settings) bootOf(t *testing.T, id string) boot {
	c, err := s.container(id)
	if err != nil || c == nil {
		t.Fatalf("container %s: %v, %v", id, c, err)
	}
	return c.lastBoot()
}
