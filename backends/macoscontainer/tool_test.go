package macoscontainer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer/containertest"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "container" {
		containertest.Main()
	}
	dir, err := os.MkdirTemp("", "fake")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// programs is where the fake tool is built.
var programs string

// fake puts the fake tool on PATH, with a state of its own.
func fake(t *testing.T, version string) {
	t.Helper()
	if err := containertest.Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	self, err := backendtest.Plain(programs)
	if err != nil {
		t.Fatal(err)
	}
	bin, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "container")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("CONTAINERTEST_ROOT", root)
	t.Setenv("CONTAINERTEST_VERSION", version)
	t.Cleanup(func() {
		if err := containertest.Cleanup(root); err != nil {
			t.Error(err)
		}
	})
}

// running returns a backend with little patience, and a bottle that is up.
func running(t *testing.T) (*Backend, bottlestate.Bottle) {
	t.Helper()
	return runningOn(t, "1.4.1")
}

func runningOn(t *testing.T, version string) (*Backend, bottlestate.Bottle) {
	t.Helper()
	busybox := backendtest.Busybox(t)
	if busybox == "" {
		t.Skip("no static busybox")
	}
	fake(t, version)
	be := New()
	b := bottlestate.Bottle{Slug: "web", Backend: Name}
	src, err := backendtest.WriteAgent(t.TempDir(), busybox, "CMD [\"sh\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	image, err := be.Build(t.Context(), b, src, io.Discard)
	if err == nil {
		b.Command = image.Command
		err = errors.Join(be.Create(t.Context(), b, image.ID), be.Start(t.Context(), b))
	}
	if err != nil {
		t.Fatal(err)
	}
	be.limits = limits{list: 2 * time.Second, quick: 2 * time.Second, slow: 2 * time.Second, bulk: 2 * time.Second, busy: 20 * time.Second, end: 2 * time.Second}
	return be, b
}

// A command that hangs is given up, with what may help; nothing is left of a
// freeze, and the bottle runs.
func TestFreezeHangs(t *testing.T) {
	for _, step := range []string{"export", "image load", "exec"} {
		t.Run(step, func(t *testing.T) {
			be, b := running(t)
			t.Setenv("CONTAINERTEST_HANG", step)
			art, err := be.Freeze(t.Context(), b, backends.FreezeOptions{Number: 1, Exact: step == "exec"})
			var hung *tool.DeadlineError
			if !errors.As(err, &hung) || !strings.Contains(err.Error(), "container "+step+" has not ended in 2s") || !strings.Contains(err.Error(), "container system start") {
				t.Errorf("got %+v, %v; want a deadline", art, err)
			}
			t.Setenv("CONTAINERTEST_HANG", "")
			if state, err := be.State(t.Context(), b); state != backends.Running {
				t.Errorf("the bottle is %s, %v", state, err)
			}
			if exists, err := be.ArtifactExists(t.Context(), bottlestate.Snapshot{Reference: backends.SnapshotRef("web", 1)}); exists || err != nil {
				t.Errorf("the image exists: %v, %v", exists, err)
			}
			left, err := filepath.Glob(filepath.Join(os.TempDir(), "docker-bottle-freeze-*"))
			if len(left) > 0 || err != nil {
				t.Errorf("left behind: %q, %v", left, err)
			}
		})
	}
}

// A stop that hangs becomes a kill; what the bottle holds is kept.
func TestStopHangs(t *testing.T) {
	be, b := running(t)
	t.Setenv("CONTAINERTEST_HANG", "stop")
	if err := be.Stop(t.Context(), b); err != nil {
		t.Error(err)
	}
	if state, err := be.State(t.Context(), b); state != backends.Stopped {
		t.Errorf("the bottle is %s, %v", state, err)
	}
}

// A tree that stops to come is given up in time, or with an interrupt, and the
// program that reads it is ended.
func TestExactBlocks(t *testing.T) {
	for _, tt := range []struct {
		name        string
		bulk, until time.Duration
	}{{"deadline", time.Second, time.Hour}, {"interrupt", time.Hour, time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			be, b := running(t)
			wrap(t, `case "$*" in *tar*)
	n=$#
	for arg; do
		shift
		[ $((n -= 1)) != 0 ] || arg="sleep 1234"
		set -- "$@" "$arg"
	done
esac`)
			ctx, cancel := context.WithTimeout(t.Context(), tt.until)
			defer cancel()
			be.limits.bulk = tt.bulk
			_, err := be.Freeze(ctx, b, backends.FreezeOptions{Number: 1, Exact: true})
			var hung *tool.DeadlineError
			if errors.As(err, &hung) != (tt.name == "deadline") || errors.Is(err, context.DeadlineExceeded) != (tt.name == "interrupt") {
				t.Errorf("got %v", err)
			}
			if err := be.Exec(t.Context(), b, backends.Process{Args: []string{"sh", "-c", "! ps | grep 'slee[p] 1234'"}}, backends.Stdio{}); err != nil {
				t.Errorf("the program still runs: %v", err)
			}
		})
	}
}

// A tool that has written all of the tree, and does not end, is given up.
func TestExactDoesNotEnd(t *testing.T) {
	be, b := running(t)
	wrap(t, `case "$*" in *tar*) container "$@"; exec sleep 1000 >&-; esac`)
	var hung *tool.DeadlineError
	if art, err := be.Freeze(t.Context(), b, backends.FreezeOptions{Number: 1, Exact: true}); !errors.As(err, &hung) {
		t.Errorf("got %+v, %v; want a deadline", art, err)
	}
}

// A bottle that had to be killed for a freeze is not exported as that has left
// it: it is brought up and down first, and not exported if that ends the same.
func TestFreezeKilled(t *testing.T) {
	for _, tt := range []struct{ hangs, err string }{
		{"1", ""},
		{"1 2", "web had to be killed, and its disk may lack what was written last: bring it up, and commit it with --exact"},
	} {
		t.Run(tt.hangs, func(t *testing.T) {
			be, b := runningOn(t, "1.2.0")
			err := be.Exec(t.Context(), b, backends.Process{Args: []string{"sh", "-c", "echo kept >/kept"}}, backends.Stdio{})
			if err != nil {
				t.Fatal(err)
			}
			hangStops(t, tt.hangs)
			art, err := be.Freeze(t.Context(), b, backends.FreezeOptions{
				Number:  1,
				Confirm: func(context.Context, string) (bool, error) { return true, nil },
			})
			if state, err := be.State(t.Context(), b); state != backends.Running {
				t.Errorf("the bottle is %s, %v", state, err)
			}
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got %+v, %v; want %q", art, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(be.Remove(t.Context(), b, true), be.Create(t.Context(), b, art.Reference), be.Start(t.Context(), b))
			if err != nil {
				t.Fatal(err)
			}
			if err := be.Exec(t.Context(), b, backends.Process{Args: []string{"test", "-e", "/kept"}}, backends.Stdio{}); err != nil {
				t.Errorf("what was written before the kill: %v", err)
			}
		})
	}
}

// hangStops makes container stop hang at some of its calls: "1 3".
func hangStops(t *testing.T, calls string) {
	count := filepath.Join(t.TempDir(), "stops")
	wrap(t, `if [ "$1" = stop ]; then
	echo >>`+count+`
	case " `+calls+` " in *" $(wc -l <`+count+`) "*) export CONTAINERTEST_HANG=stop; esac
fi`)
}

// wrap has a script see, and change, each call of the tool.
func wrap(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	script = "#!/bin/sh\nPATH=$REAL\n" + script + "\nexec container \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "container"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REAL", os.Getenv("PATH"))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// While the service exports it answers nobody. That is waited for, and not
// taken for a bottle that is gone; it is not waited for without end, nor for a
// list at all.
func TestBusy(t *testing.T) {
	be, b := running(t)
	t.Setenv("CONTAINERTEST_RPC_TIMEOUT", "300ms")
	t.Setenv("CONTAINERTEST_EXPORT_DELAY", "3s")
	export := func() (wait func()) {
		var wg sync.WaitGroup
		ctx := context.WithoutCancel(t.Context())
		wg.Go(func() {
			_ = apple.Command(ctx, "export", "-o", filepath.Join(t.TempDir(), "tree.tar"), "bottle-web").Run()
		})
		time.Sleep(time.Second)
		return wg.Wait
	}
	wait := export()
	if states, err := be.States(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the container service is busy, and cannot answer while a bottle is exported") {
		t.Errorf("the states are %v, %v; want that the service is busy", states, err)
	}
	if state, err := be.State(t.Context(), b); state != backends.Running || err != nil {
		t.Errorf("the bottle is %q, %v", state, err)
	}
	wait()

	wait = export()
	be.limits.busy = 500 * time.Millisecond
	if state, err := be.State(t.Context(), b); err == nil || !strings.Contains(err.Error(), "busy for 500ms") || errors.Is(err, backends.ErrNotFound) {
		t.Errorf("the bottle is %q, %v; want that the service is busy", state, err)
	}
	wait()
}

// The tool's own words are kept, and what they mean is known.
func TestToolError(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		stderr string
		want   string
		kind   error
	}{
		{[]string{"inspect", "bottle-web"}, "Error: container not found: bottle-web\n", "container inspect: container not found: bottle-web", backends.ErrNotFound},
		{[]string{"image", "inspect", "a:1"}, "Error: image not found: a:1\n", "container image inspect: image not found: a:1", backends.ErrNotFound},
		{[]string{"stop", "--time", "10", "x"}, "Error: internalError: \"failed to stop container\" (cause: \"notFound: \"container with ID x not found\"\")", "container stop: internalError: \"failed to stop container\" (cause: \"notFound: \"container with ID x not found\"\")", backends.ErrNotFound},
		{[]string{"list"}, "Error: interrupted: \"XPC connection error: Connection invalid\"\nEnsure container system service has been started with `container system start`.", "container list: interrupted: \"XPC connection error: Connection invalid\"\nEnsure container system service has been started with `container system start`.", backends.ErrUnavailable},
		{[]string{"start", "x"}, "", "container start: exit status 1", nil},
	} {
		err := apple.Failure(tt.args, tt.stderr, &backends.ExitError{Code: 1})
		if err.Error() != tt.want {
			t.Errorf("got  %q\nwant %q", err.Error(), tt.want)
		}
		for _, kind := range []error{backends.ErrNotFound, backends.ErrUnavailable} {
			if errors.Is(err, kind) != (kind == tt.kind) {
				t.Errorf("%q is %v: %v", tt.stderr, kind, errors.Is(err, kind))
			}
		}
	}
}

// A name is the same with and without what the tool adds to it.
func TestSameName(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"docker-bottle/web:1", "docker-bottle/web:1", true},
		{"docker.io/library/alpine:3.20", "alpine:3.20", true},
		{"alpine:latest", "alpine", true},
		{"docker-bottle/web:1", "docker-bottle/web:2", false},
		{"other/web:1", "docker-bottle/web:1", false},
		{"untagged@sha256:x", "alpine", false},
	} {
		if got := sameName(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
}
