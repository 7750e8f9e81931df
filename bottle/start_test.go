package bottle_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A new bottle is built, recorded, made and filled, and its agent does not run
// yet. The user's command takes the place of the image's.
func TestStart(t *testing.T) {
	for _, tt := range []struct{ command, want []string }{
		{nil, []string{"agent"}},
		{[]string{"sh"}, []string{"sh"}},
	} {
		w := newWorld(t)
		b := web
		b.Command, b.Workspace = tt.command, workspace(t)
		if _, err := bottle.Start(t.Context(), w, w.store, b, open, &w.log, w.notify); err != nil {
			t.Fatal(err)
		}
		w.assertCalls(t, "Build /agent/Dockerfile", "Create built", "Start", "CopyWorkspace")
		w.assertFiles(t, "fresh+file", true)
		w.assertHead(t, 0)
		if recorded, err := w.store.Bottle("web"); err != nil || !slices.Equal(recorded.Argv(), tt.want) {
			t.Errorf("recorded %q, %v; want %q", recorded.Argv(), err, tt.want)
		}
	}
}

// After a start that failed, at whatever step, there is no bottle: not on the
// engine and not in the records, and the name is free.
func TestStartFails(t *testing.T) {
	for _, method := range []string{"Build", "Create", "Start", "CopyWorkspace"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			b := web
			b.Workspace = workspace(t)
			w.fail[method] = errors.New("disk full")
			if _, err := bottle.Start(t.Context(), w, w.store, b, open, &w.log, w.notify); !errors.Is(err, w.fail[method]) {
				t.Errorf("got %v, want %v", err, w.fail[method])
			}
			w.assertGone(t)
			assertNoRecord(t, w)
			delete(w.fail, method)
			w.start(t, b)
		})
	}
}

// Promise 7: an interrupt in the middle of a start leaves nothing behind.
func TestStartInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	be := &startHook{w.engine, func() error { cancel(); return ctx.Err() }}
	if _, err := bottle.Start(ctx, be, w.store, web, open, &w.log, w.notify); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if want := []string{"Remove volumes", "RemoveCaches"}; !slices.Equal(w.calls[len(w.calls)-2:], want) {
		t.Errorf("the engine was asked to %q, want %q last", w.calls, want)
	}
	assertNoRecord(t, w)
}

func assertNoRecord(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.store.Bottle("web"); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("the record: %v, want ErrNotFound", err)
	}
	if _, err := os.Lstat(w.store.Dir("web")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record's directory: %v, want none", err)
	}
}

// Promise 2: start is no way to bring a bottle back, nor to replace one; what
// has the name, readable or not, is left as it is, and nothing is built.
func TestStartTaken(t *testing.T) {
	corrupt := func(err error) bool { return errors.As(err, new(*bottlestate.CorruptError)) }
	for content, want := range map[string]func(error) bool{
		"":                              corrupt,
		`{"version": 2}`:                corrupt,
		`{"version": 1, "slug": "web"}`: func(err error) bool { return errors.Is(err, fs.ErrExist) },
	} {
		w := newWorld(t)
		path := filepath.Join(w.store.Dir("web"), "bottle.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bottle.Start(t.Context(), w, w.store, web, open, &w.log, w.notify); !want(err) {
			t.Errorf("%q: got %v", content, err)
		}
		w.assertCalls(t)
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("the record is now %q, %v", got, err)
		}
	}
}

// Of two starts of one name at once, the second finds the name taken when its
// build has ended, and leaves the first one's bottle alone.
func TestStartRace(t *testing.T) {
	w := newWorld(t)
	second := false
	_, err := bottle.Start(t.Context(), w, w.store, web, func(b bottlestate.Bottle) (backends.Source, func(), error) {
		second = true
		w.start(t, web)
		return open(b)
	}, &w.log, w.notify)
	if !second || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	w.assertCalls(t, "Build /agent/Dockerfile")
	w.assertFiles(t, "fresh", true)
	if _, err := w.store.Bottle("web"); err != nil {
		t.Error(err)
	}
}

// What cannot work is found out before a build that may take minutes, or at
// least before there is a bottle.
func TestStartRefused(t *testing.T) {
	t.Run("secret", func(t *testing.T) {
		w := newWorld(t)
		b := web
		b.Secrets = []string{"BOTTLE_TEST_UNSET"}
		_, err := bottle.Start(t.Context(), w, w.store, b, open, &w.log, w.notify)
		var missing *bottle.MissingSecretError
		if !errors.As(err, &missing) || missing.Name != "BOTTLE_TEST_UNSET" {
			t.Errorf("got %v, want a MissingSecretError", err)
		}
		w.assertCalls(t)
		assertNoRecord(t, w)
	})
	t.Run("nothing to run", func(t *testing.T) {
		w := newWorld(t)
		_, err := bottle.Start(t.Context(), &noCommand{w.engine}, w.store, web, open, &w.log, w.notify)
		if err == nil || !strings.Contains(err.Error(), "no ENTRYPOINT and no CMD") {
			t.Errorf("got %v", err)
		}
		w.assertGone(t)
		assertNoRecord(t, w)
	})
}

// noCommand is an engine whose images have none.
type noCommand struct{ *engine }

func (e *noCommand) Build(context.Context, bottlestate.Bottle, backends.Source, io.Writer) (backends.Image, error) {
	return backends.Image{ID: "built"}, nil
}
