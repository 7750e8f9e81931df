package bottle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// freezing is a backend that can do nothing else.
type freezing struct {
	backends.Backend
	freeze func(backends.FreezeOptions) (backends.Artifact, error)
}

func (f freezing) Freeze(_ context.Context, _ bottlestate.Bottle, opts backends.FreezeOptions) (backends.Artifact, error) {
	return f.freeze(opts)
}

func freezer(freeze func(backends.FreezeOptions) (backends.Artifact, error)) freezing {
	return freezing{freeze: freeze}
}

func newStore(t *testing.T) (store bottlestate.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	store = bottlestate.New(dir)
	if err := store.Create(bottlestate.Bottle{Slug: "web", Backend: "test"}); err != nil {
		t.Fatal(err)
	}
	return store, dir
}

func artifact(opts backends.FreezeOptions) (backends.Artifact, error) {
	return backends.Artifact{Reference: "test/web", Created: time.Now()}, nil
}

// Promise 1: a freeze that failed or was cancelled records nothing, and the
// number is not handed out again.
func TestCommitFreezeFails(t *testing.T) {
	for _, want := range []error{errors.New("disk full"), backends.ErrCommitCancelled, context.Canceled} {
		store, _ := newStore(t)
		_, err := bottle.Commit(t.Context(), freezer(func(backends.FreezeOptions) (backends.Artifact, error) {
			return backends.Artifact{}, want
		}), store, "web", bottle.CommitOptions{})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		assertNothingRecorded(t, store)
		snap, err := bottle.Commit(t.Context(), freezer(artifact), store, "web", bottle.CommitOptions{})
		if err != nil || snap.Number != 2 || snap.Parent != 0 {
			t.Errorf("the next commit is %+v, %v; want number 2 without a parent", snap, err)
		}
	}
}

// Promise 1: a good freeze whose record cannot be written names the artifact,
// and the bottle is not marked.
func TestCommitRecordFails(t *testing.T) {
	store, dir := newStore(t)
	snapshots := filepath.Join(dir, "bottles", "web", "snapshots")
	_, err := bottle.Commit(t.Context(), freezer(func(opts backends.FreezeOptions) (backends.Artifact, error) {
		// Works for root too, whom a read-only directory does not stop.
		if err := os.RemoveAll(snapshots); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(snapshots, nil, 0o400); err != nil {
			t.Error(err)
		}
		return artifact(opts)
	}), store, "web", bottle.CommitOptions{})
	var record *bottle.RecordError
	if !errors.As(err, &record) || record.Slug != "web" || record.Reference != "test/web" || !strings.Contains(err.Error(), "safe as test/web") {
		t.Errorf("got %v, want a RecordError that names test/web", err)
	}
	if preserved, _ := store.Preserved("web"); preserved {
		t.Error("the bottle is marked preserved")
	}
}

// Promise 1: nothing is recorded before the freeze has ended.
func TestCommitOrder(t *testing.T) {
	store, _ := newStore(t)
	snap, err := bottle.Commit(t.Context(), freezer(func(opts backends.FreezeOptions) (backends.Artifact, error) {
		assertNothingRecorded(t, store)
		return artifact(opts)
	}), store, "web", bottle.CommitOptions{Message: "m"})
	if err != nil || snap.Number != 1 || snap.Message != "m" {
		t.Fatalf("got %+v, %v", snap, err)
	}
	if preserved, err := store.Preserved("web"); !preserved || err != nil {
		t.Errorf("preserved: %v, %v", preserved, err)
	}
	if head, err := store.Head("web"); err != nil || head.Number != 1 {
		t.Errorf("head: %v, %v", head, err)
	}
}

// A commit of nothing takes no number and makes nothing; who cannot tell
// whether anything has changed commits.
func TestCommitUnchanged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(*world)
		opts   bottle.CommitOptions
		want   int
		same   bool
	}{
		{name: "unchanged", before: func(*world) {}, want: 2, same: true},
		{name: "forced", before: func(*world) {}, opts: bottle.CommitOptions{Force: true}, want: 3},
		{name: "changed", before: func(w *world) { w.containers["web"].changed = true }, want: 3},
		{name: "running", before: func(w *world) { w.containers["web"].running = true }, want: 3},
		{name: "the head's image is gone", before: func(w *world) { delete(w.images, "test/web:2") }, want: 3},
		{name: "the engine does not say what changed", before: func(w *world) { w.fail["ChangedSince"] = errors.New("no answer") }, want: 3},
		{name: "rebuilt", before: func(w *world) { w.setHead(0) }, want: 3},
		{name: "the record says nothing of its being preserved", before: func(w *world) {
			if err := os.Remove(filepath.Join(w.store.Dir("web"), "preserved")); err != nil {
				panic(err)
			}
		}, want: 2, same: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			w.commit(t, "two")
			w.containers["web"].running = false
			tt.before(w)
			snap, err := bottle.Commit(t.Context(), w, w.store, "web", tt.opts)
			if same := errors.Is(err, bottle.ErrUnchanged); same != tt.same || !same && err != nil {
				t.Fatalf("got %v, want unchanged: %v", err, tt.same)
			}
			if snap.Number != tt.want {
				t.Errorf("got snapshot %d, want %d", snap.Number, tt.want)
			}
			w.assertHead(t, tt.want)
			if preserved, err := w.store.Preserved("web"); !preserved || err != nil {
				t.Errorf("preserved: %v, %v", preserved, err)
			}
			if !tt.same {
				return
			}
			w.assertCalls(t)
			w.containers["web"].changed = true
			if snap, err := bottle.Commit(t.Context(), w, w.store, "web", bottle.CommitOptions{}); err != nil || snap.Number != 3 {
				t.Errorf("the next commit is %d, %v; want 3", snap.Number, err)
			}
		})
	}
}

func assertNothingRecorded(t *testing.T, store bottlestate.Store) {
	t.Helper()
	snaps, bad, err := store.Snapshots("web")
	if len(snaps)+len(bad) > 0 || err != nil {
		t.Errorf("recorded: %v, %v, %v", snaps, bad, err)
	}
	if _, err := store.Head("web"); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
	if preserved, err := store.Preserved("web"); preserved || err != nil {
		t.Errorf("preserved: %v, %v", preserved, err)
	}
}
