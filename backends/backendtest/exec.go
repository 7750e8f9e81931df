package backendtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
)

// A program gets its arguments, input, env and directory as they are, its
// streams stay apart, and its status comes back.
func testExec(t *testing.T, s *suite) {
	b := s.running(t)
	var out, errOut bytes.Buffer
	err := s.be.Exec(t.Context(), b, backends.Process{
		Args: []string{"sh", "-c", `echo "out $1 $2 $GREETING $NEW $(pwd)"; echo err >&2; cat; exit 42`, "sh", "", "a  b'$x"},
		Env:  []string{"NEW=a=b c", "GREETING=over the image's"},
		Dir:  "/etc",
	}, backends.Stdio{In: strings.NewReader("in"), Out: &out, Err: &errOut})
	if exitCode(err) != 42 {
		t.Errorf("got %v, want exit status 42", err)
	}
	equal(t, "stdout", out.String(), "out  a  b'$x over the image's a=b c /etc\nin")
	equal(t, "stderr", errOut.String(), "err\n")

	// Output is not cut off at the end of the program, however much it is.
	equal(t, "the size of long output", countOf(t, s.run(t, b, backends.Process{
		Args: []string{"sh", "-c", "dd if=/dev/zero bs=64k count=64 2>/dev/null | tr '\\0' x"},
	})), "4194304")

	err = s.be.Exec(t.Context(), b, backends.Process{Args: []string{"no-such-program"}}, discard)
	if err == nil {
		t.Error("a program that is not there has run")
	}
	// The env of one program is not that of the next.
	equal(t, "the next program's env", s.sh(t, b, "echo $GREETING $NEW"), "hello\n")
}

func countOf(t *testing.T, text string) string {
	t.Helper()
	if strings.Trim(text, "x") != "" {
		t.Error("the output has something else in it")
	}
	return strconv.Itoa(len(text))
}

// A program runs as the image's user, unless it is to be another.
func testExecUser(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, "WORKDIR /home\nUSER dev\n"+agentEnd)
	s.boot(t, b, image.ID)
	equal(t, "user and directory", s.sh(t, b, "id -u; id -g; pwd"), "1234\n1235\n/home\n")
	root := backends.Process{Args: []string{"id", "-u"}, User: "root"}
	equal(t, "root", s.run(t, b, root), "0\n")
}

func testExecNotRunning(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, agentEnd)
	if err := s.be.Exec(t.Context(), b, backends.Process{Args: []string{"true"}}, discard); err == nil {
		t.Error("run in a bottle that is gone")
	}
	if err := s.be.Create(t.Context(), b, image.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.be.Exec(t.Context(), b, backends.Process{Args: []string{"true"}}, discard); err == nil {
		t.Error("run in a stopped bottle")
	}
	s.state(t, b, backends.Stopped)
}

// An exec that is interrupted comes back at once, also if the program does not
// end, and the bottle can be worked with.
func testExecInterrupted(t *testing.T, s *suite) {
	b := s.running(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	go func() {
		_, _ = io.ReadFull(r, make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	began := time.Now()
	err := s.be.Exec(ctx, b, backends.Process{Args: []string{"sh", "-c", "trap '' INT TERM; echo up; sleep 60"}}, backends.Stdio{Out: w, Err: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the interrupt took %v", took)
	}
	equal(t, "the next program", s.sh(t, b, "echo on"), "on\n")
}

// A background program has a status to wait for, and output to read.
func testSpawn(t *testing.T, s *suite) {
	b := s.running(t)
	run, err := s.be.Spawn(t.Context(), b, backends.Process{
		Args: []string{"sh", "-c", `echo "out $X"; echo err >&2; while [ ! -e /go ]; do sleep 0.1; done; exit 3`},
		Env:  []string{"X=1 2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if status, err := s.be.Wait(short, b, run); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before its end: %d, %v", status, err)
	}
	s.sh(t, b, "touch /go")
	for range 2 {
		if status, err := s.be.Wait(t.Context(), b, run); err != nil || status != 3 {
			t.Errorf("status %d, %v; want 3", status, err)
		}
	}
	var out bytes.Buffer
	if err := s.be.Logs(t.Context(), b, false, &out, &out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"out 1 2\n", "err\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in the output %q", line, out.String())
		}
	}
}

// A run that ended with its bottle has no status, and waiting for it ends.
func testSpawnStopped(t *testing.T, s *suite) {
	b := s.running(t)
	run, err := s.be.Spawn(t.Context(), b, backends.Process{Args: []string{"sleep", "600"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return s.be.Stop(t.Context(), b) },
		func() error { return s.be.Start(t.Context(), b) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if status, err := s.be.Wait(t.Context(), b, run); err == nil {
			t.Errorf("status %d of a run that was ended", status)
		}
	}
}
