package bottle_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Promise 2: resume takes the first rung that holds, and says which.
func TestResumeLadder(t *testing.T) {
	lost := "snapshot web@2 is gone from the engine; rebuilding from the Dockerfile: the state committed at " +
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Local().Format("2006-01-02 15:04:05") + " is lost"
	for _, tt := range []struct {
		name    string
		commits []string
		before  func(*world)
		rung    bottle.Rung
		calls   []string
		heard   []string
		files   string
		head    int
	}{
		{
			name:    "running",
			commits: []string{"one"},
			rung:    bottle.Running,
			calls:   []string{"Start"}, // it may be paused
			heard:   []string{"bottle web is running"},
			files:   "one",
			head:    1,
		},
		{
			name:    "stopped",
			commits: []string{"one"},
			before: func(w *world) {
				w.containers["web"].running = false
				w.containers["web"].files = "one and more"
			},
			calls: []string{"Start"},
			rung:  bottle.Restarted,
			heard: []string{"starting the stopped bottle web"},
			files: "one and more",
			head:  1,
		},
		{
			name:    "gone",
			commits: []string{"one", "two"},
			before:  func(w *world) { clear(w.containers) },
			calls:   []string{"Create test/web:2", "Start"},
			rung:    bottle.Booted,
			heard:   []string{"booting web from snapshot web@2"},
			files:   "two",
			head:    2,
		},
		{
			name:    "gone, and the head is older",
			commits: []string{"one", "two"},
			before: func(w *world) {
				clear(w.containers)
				w.setHead(1)
			},
			calls: []string{"Create test/web:1", "Start"},
			rung:  bottle.Booted,
			heard: []string{"booting web from snapshot web@1"},
			files: "one",
			head:  1,
		},
		{
			name:    "snapshot gone too",
			commits: []string{"one", "two"},
			before: func(w *world) {
				clear(w.containers)
				clear(w.images)
			},
			calls: []string{"Build /agent/Dockerfile", "Create built", "Start"},
			heard: []string{lost},
			files: "fresh",
		},
		{
			name:    "snapshot gone too, an older one is there",
			commits: []string{"one", "two"},
			before: func(w *world) {
				clear(w.containers)
				delete(w.images, "test/web:2")
			},
			calls: []string{"Build /agent/Dockerfile", "Create built", "Start"},
			heard: []string{lost, "snapshot web@1 is still there, for resume --at 1"},
			files: "fresh",
		},
		{
			name:   "gone, never committed",
			before: func(w *world) { clear(w.containers) },
			calls:  []string{"Build /agent/Dockerfile", "Create built", "Start"},
			heard:  []string{"bottle web is gone from the engine and has no snapshot to boot from; rebuilding from the Dockerfile: everything done in it is lost"},
			files:  "fresh",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			for _, files := range tt.commits {
				w.commit(t, files)
			}
			if tt.before != nil {
				tt.before(w)
			}
			_, rung, err := w.resume(t, bottle.ResumeOptions{})
			if err != nil || rung != tt.rung {
				t.Errorf("stands on %v, %v; want %v", rung, err, tt.rung)
			}
			w.assertCalls(t, tt.calls...)
			w.assertHeard(t, tt.heard...)
			w.assertFiles(t, tt.files, true)
			w.assertHead(t, tt.head)
		})
	}
}

// A bottle that was rebuilt grew from no snapshot: its next one has no parent,
// and its number is new.
func TestResumeRebuiltHasNoParent(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	clear(w.containers)
	clear(w.images)
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	if snap := w.commit(t, "anew"); snap.Number != 2 || snap.Parent != 0 {
		t.Errorf("got number %d with parent %d, want 2 without", snap.Number, snap.Parent)
	}
	w.assertHead(t, 2)
}

// Promise 2: with RequireSnapshot there is no rebuild; nothing is done.
func TestResumeRequireSnapshot(t *testing.T) {
	for _, tt := range []struct {
		name    string
		commits []string
		keep    string // this image
		number  int
		other   int
		want    string
	}{
		{"snapshot gone", []string{"one", "two"}, "", 2, 0, "snapshot web@2 (test/web:2) is gone from the engine"},
		{"another there", []string{"one", "two"}, "test/web:1", 2, 1, "snapshot web@2 (test/web:2) is gone from the engine"},
		{"never committed", nil, "", 0, 0, "bottle web is gone from the engine and has no snapshot to boot from"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			for _, files := range tt.commits {
				w.commit(t, files)
			}
			clear(w.containers)
			maps.DeleteFunc(w.images, func(name, _ string) bool { return name != tt.keep })
			_, _, err := w.resume(t, bottle.ResumeOptions{RequireSnapshot: true, Env: []string{"A=1"}})
			var gone *bottle.SnapshotGoneError
			if !errors.As(err, &gone) || gone.Err != nil || !gone.Refused || gone.Other != tt.other || err.Error() != tt.want {
				t.Fatalf("got %v, want a SnapshotGoneError without a reason", err)
			}
			if (gone.Snapshot == nil) != (tt.number == 0) || gone.Snapshot != nil && gone.Snapshot.Number != tt.number {
				t.Errorf("it is about %+v, want number %d", gone.Snapshot, tt.number)
			}
			w.assertCalls(t)
			w.assertHeard(t)
			w.assertHead(t, tt.number)
			assertEnv(t, w)
		})
	}
	t.Run("snapshot there", func(t *testing.T) {
		w := newWorld(t)
		w.start(t, web)
		w.commit(t, "one")
		clear(w.containers)
		if _, _, err := w.resume(t, bottle.ResumeOptions{RequireSnapshot: true}); err != nil {
			t.Error(err)
		}
		w.assertFiles(t, "one", true)
	})
}

// Promise 2: an engine that does not say what it has is never taken for one
// that has nothing.
func TestResumeEngineDoesNotSay(t *testing.T) {
	for _, method := range []string{"State", "ArtifactExists"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			clear(w.containers)
			w.fail[method] = backends.ErrUnavailable
			if _, _, err := w.resume(t, bottle.ResumeOptions{}); !errors.Is(err, backends.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			w.assertCalls(t)
			w.assertHeard(t)
			w.assertHead(t, 1)
		})
	}
}

// Promise 9: a record that cannot be read stops the ladder where it would
// otherwise lead to a fresh bottle.
func TestResumeCorruptHead(t *testing.T) {
	for _, file := range []string{"head", "snapshots/1.json"} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			clear(w.containers)
			path := filepath.Join(w.store.Dir("web"), file)
			if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := w.resume(t, bottle.ResumeOptions{})
			var corrupt *bottlestate.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Path != path {
				t.Errorf("got %v, want a CorruptError of %s", err, path)
			}
			w.assertCalls(t)
		})
	}
}

// Promise 2: what is said about a rebuild is true: it is not announced if
// there is nothing to rebuild from, and the error says why.
func TestResumeCannotRebuild(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	clear(w.containers)
	clear(w.images)
	missing := func(bottlestate.Bottle) (backends.Source, func(), error) {
		return backends.Source{}, nil, &fs.PathError{Op: "stat", Path: "/agent/Dockerfile", Err: fs.ErrNotExist}
	}
	for _, require := range []bool{false, true} {
		_, _, err := w.resume(t, bottle.ResumeOptions{Open: missing, RequireSnapshot: require})
		var gone *bottle.SnapshotGoneError
		if !errors.As(err, &gone) || !errors.Is(err, fs.ErrNotExist) || gone.Snapshot.Number != 1 || gone.Refused {
			t.Errorf("got %v, want a SnapshotGoneError because of the Dockerfile", err)
		}
	}
	w.assertCalls(t)
	w.assertHeard(t)
	w.assertHead(t, 1)
}

// A rebuild that fails leaves the head as it was, and nothing on the engine.
func TestResumeRebuildFails(t *testing.T) {
	for _, method := range []string{"Build", "Create", "Start", "CopyWorkspace"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			b := web
			b.Workspace = workspace(t)
			w.start(t, b)
			w.commit(t, "one")
			clear(w.containers)
			clear(w.images)
			w.fail[method] = &backends.ExitError{Code: 7}
			_, _, err := w.resume(t, bottle.ResumeOptions{})
			if exit := (*backends.ExitError)(nil); !errors.As(err, &exit) || exit.Code != 7 {
				t.Errorf("got %v, want status 7", err)
			}
			w.assertGone(t)
			w.assertHead(t, 1)
		})
	}
}

// A bottle from an image is made again from that image, which may be gone too.
func TestResumeFromImage(t *testing.T) {
	w := newWorld(t)
	w.images["alpine"] = "alpine"
	b := bottlestate.Bottle{Slug: "web", Backend: "test", Endpoint: "unix:///engine", Image: "alpine"}
	w.start(t, b)
	clear(w.containers)
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	w.assertHeard(t, "bottle web is gone from the engine and has no snapshot to boot from; rebuilding from the image alpine: everything done in it is lost")
	w.assertFiles(t, "alpine", true)

	clear(w.containers)
	clear(w.images)
	_, _, err := w.resume(t, bottle.ResumeOptions{})
	var gone *bottle.SnapshotGoneError
	if !errors.As(err, &gone) || gone.Err == nil || !strings.Contains(err.Error(), "alpine is not on the engine") {
		t.Errorf("got %v, want a SnapshotGoneError because of the image", err)
	}
	w.assertGone(t)
}

// The workspace is in every snapshot: it is copied for a rebuild alone.
func TestResumeWorkspace(t *testing.T) {
	w := newWorld(t)
	b := web
	b.Workspace = workspace(t)
	w.start(t, b)
	w.assertFiles(t, "fresh+file", true)
	w.commit(t, "one")
	clear(w.containers)
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	w.assertFiles(t, "one", true)

	clear(w.containers)
	clear(w.images)
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	w.assertFiles(t, "fresh+file", true)

	clear(w.containers)
	if err := os.RemoveAll(b.Workspace); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.resume(t, bottle.ResumeOptions{})
	var gone *bottle.SnapshotGoneError
	if !errors.As(err, &gone) || gone.Err == nil || !strings.Contains(err.Error(), b.Workspace) {
		t.Errorf("got %v, want a SnapshotGoneError because of the workspace", err)
	}
	w.assertGone(t)
}

func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"file": "", "excluded": "", ".dockerignore": "excluded\n.dockerignore\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Going back replaces the bottle, if all that it holds is in a snapshot.
func TestResumeAt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(*world)
	}{
		{"stopped", func(w *world) { w.containers["web"].running = false }},
		{"gone", func(w *world) { clear(w.containers) }},
		{"gone, the head's image too", func(w *world) {
			clear(w.containers)
			delete(w.images, "test/web:2")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			w.commit(t, "two")
			tt.before(w)
			if _, rung, err := w.resume(t, bottle.ResumeOptions{At: 1}); err != nil || rung != bottle.Booted {
				t.Fatalf("stands on %v, %v", rung, err)
			}
			w.assertHeard(t, "booting web from snapshot web@1")
			w.assertFiles(t, "one", true)
			w.assertHead(t, 1)
			if slices.Contains(w.calls, "Remove volumes") {
				t.Error("the bottle's volumes were removed, which are in no snapshot")
			}
			if snap := w.commit(t, "three"); snap.Number != 3 || snap.Parent != 1 {
				t.Errorf("the next commit is %d from %d, want 3 from 1", snap.Number, snap.Parent)
			}
		})
	}
}

// Going back saves first what no snapshot holds.
func TestResumeAtSaves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(*world)
		parent int
	}{
		{"running", func(w *world) { w.containers["web"].running = true }, 2},
		{"changed since the head", func(w *world) { w.containers["web"].changed = true }, 2},
		{"the head's image is gone", func(w *world) { delete(w.images, "test/web:2") }, 2},
		{"rebuilt, and not committed since", func(w *world) { w.setHead(0) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			w.commit(t, "two")
			*w.containers["web"] = container{files: "present"}
			tt.before(w)
			if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1}); err != nil {
				t.Fatal(err)
			}
			w.assertHeard(t, "saved the present as web@3", "booting web from snapshot web@1")
			w.assertCalls(t, "Freeze test/web:3", "Remove", "Create test/web:1", "Start")
			w.assertFiles(t, "one", true)
			w.assertHead(t, 1)
			if snap, err := w.store.Snapshot("web", 3); err != nil || snap.Parent != tt.parent || w.images[snap.Reference] != "present" {
				t.Errorf("the present is %+v, %v; want parent %d", snap, err, tt.parent)
			}
			// The fork: what comes next grows from where the bottle is.
			if snap := w.commit(t, "three"); snap.Number != 4 || snap.Parent != 1 {
				t.Errorf("the next commit is %d from %d, want 4 from 1", snap.Number, snap.Parent)
			}
		})
	}
}

// What is to be discarded is not saved, and that is said.
func TestResumeAtDiscards(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	w.commit(t, "two")
	if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1, Discard: true}); err != nil {
		t.Fatal(err)
	}
	w.assertHeard(t, "discarding what is in web and in no snapshot", "booting web from snapshot web@1")
	w.assertCalls(t, "Remove", "Create test/web:1", "Start")
	w.assertHead(t, 1)
}

// The present that cannot be saved stays, whatever the reason.
func TestResumeAtCannotSave(t *testing.T) {
	for _, cause := range []error{errors.New("disk full"), backends.ErrCommitCancelled, context.Canceled} {
		w := newWorld(t)
		w.start(t, web)
		w.commit(t, "one")
		w.commit(t, "two")
		w.containers["web"].files = "present"
		w.fail["Freeze"] = cause
		if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1}); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		w.assertCalls(t, "Freeze test/web:3")
		w.assertHeard(t)
		w.assertFiles(t, "present", true)
		w.assertHead(t, 2)
	}
}

// A present of which the engine cannot say whether it is in a snapshot is saved.
func TestResumeAtUnknown(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	w.commit(t, "two")
	w.containers["web"].running = false
	w.fail["ChangedSince"] = errors.New("another image has taken its tag")
	if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1}); err != nil {
		t.Error(err)
	}
	w.assertHeard(t, "saved the present as web@3", "booting web from snapshot web@1")
	w.assertFiles(t, "one", true)
}

// A head whose record is lost is no bottle that has none: nothing is rebuilt.
func TestResumeHeadUnrecorded(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	w.setHead(2)
	delete(w.containers, "web")
	var unrecorded *bottlestate.UnknownSnapshotError
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); !errors.As(err, &unrecorded) {
		t.Errorf("got %v, want an UnknownSnapshotError", err)
	}
	w.assertCalls(t)
	w.assertGone(t)
}

// Going back never loses anything by a mistake: the bottle is left as it is.
func TestResumeAtRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		at      int
		before  func(*world)
		running bool // the bottle still is
		want    func(error) bool
	}{
		{
			name: "the engine does not answer",
			at:   1,
			before: func(w *world) {
				w.containers["web"].running = false
				w.fail["ChangedSince"] = backends.ErrUnavailable
			},
			want: func(err error) bool { return errors.Is(err, backends.ErrUnavailable) },
		},
		{
			name: "the snapshot's image is gone",
			at:   1,
			before: func(w *world) {
				w.containers["web"].running = false
				delete(w.images, "test/web:1")
			},
			want: func(err error) bool {
				var gone *bottle.SnapshotGoneError
				return errors.As(err, &gone) && gone.Snapshot.Number == 1 && gone.Err == nil && !gone.Refused
			},
		},
		{
			name:   "no such snapshot",
			at:     7,
			before: func(w *world) { w.containers["web"].running = false },
			want: func(err error) bool {
				return errors.Is(err, bottlestate.ErrNotFound) && strings.Contains(err.Error(), "web@7")
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			w.commit(t, "two")
			tt.before(w)
			head, headErr := w.store.Head("web")
			if _, _, err := w.resume(t, bottle.ResumeOptions{At: tt.at}); !tt.want(err) {
				t.Errorf("got %v", err)
			}
			w.assertCalls(t)
			w.assertHeard(t)
			w.assertFiles(t, "two", tt.running)
			if now, err := w.store.Head("web"); now.Number != head.Number || (err == nil) != (headErr == nil) {
				t.Errorf("head: %d, %v; was %d", now.Number, err, head.Number)
			}
		})
	}
}

// Going back to a snapshot that does not boot leaves the head, which was
// committed: the next resume brings that back.
func TestResumeAtFails(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	w.commit(t, "two")
	w.containers["web"].running = false
	w.fail["Start"] = errors.New("no memory")
	if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1}); !errors.Is(err, w.fail["Start"]) {
		t.Errorf("got %v, want %v", err, w.fail["Start"])
	}
	w.assertGone(t)
	w.assertHead(t, 2)
	delete(w.fail, "Start")
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	w.assertFiles(t, "two", true)
}

// Promise 7: a snapshot that does not boot, or is interrupted while it does,
// leaves no half-made bottle.
func TestResumeBootFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		start func(cancel func()) error
		want  error
	}{
		{"start fails", func(func()) error { return broken }, broken},
		{"interrupted", func(cancel func()) error { cancel(); return context.Canceled }, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			clear(w.containers)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			be := &startHook{w.engine, func() error { return tt.start(cancel) }}
			_, _, err := bottle.Resume(ctx, be, w.store, "web", bottle.ResumeOptions{Open: open, Log: &w.log, Env: []string{"A=1"}})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			w.assertCalls(t, "Create test/web:1", "Remove volumes")
			w.assertGone(t)
			w.assertHead(t, 1)
			assertEnv(t, w)
		})
	}
}

// startHook is an engine whose Start is the test's.
type startHook struct {
	*engine
	start func() error
}

func (h *startHook) Start(context.Context, bottlestate.Bottle) error { return h.start() }

// Env and secrets that a resume adds are the bottle's from then on; of a
// secret it is the name.
func TestResumeEnv(t *testing.T) {
	t.Setenv("TOKEN", "hush")
	w := newWorld(t)
	b := web
	b.Env, b.Secrets = []string{"A=1"}, []string{"TOKEN"}
	w.start(t, b)
	b, _, err := w.resume(t, bottle.ResumeOptions{Env: []string{"A=2", "B=3"}, Secrets: []string{"TOKEN"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=2", "B=3"}
	if !slices.Equal(b.Env, want) || !slices.Equal(b.Secrets, []string{"TOKEN"}) {
		t.Errorf("got %q and secrets %q", b.Env, b.Secrets)
	}
	assertEnv(t, w, want...)
	data, err := os.ReadFile(filepath.Join(w.store.Dir("web"), "bottle.json"))
	if err != nil || strings.Contains(string(data), "hush") {
		t.Errorf("the record holds the secret: %s, %v", data, err)
	}
}

// A secret that is not there is found out before anything is done, and is not
// recorded.
func TestResumeMissingSecret(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	_, _, err := w.resume(t, bottle.ResumeOptions{Secrets: []string{"BOTTLE_TEST_UNSET"}})
	var missing *bottle.MissingSecretError
	if !errors.As(err, &missing) || missing.Name != "BOTTLE_TEST_UNSET" {
		t.Errorf("got %v, want a MissingSecretError", err)
	}
	w.assertCalls(t)
	if b, err := w.store.Bottle("web"); err != nil || len(b.Secrets) != 0 {
		t.Errorf("secrets are now %q, %v", b.Secrets, err)
	}
}

func assertEnv(t *testing.T, w *world, want ...string) {
	t.Helper()
	if b, err := w.store.Bottle("web"); err != nil || !slices.Equal(b.Env, want) {
		t.Errorf("the record's env is %q, %v; want %q", b.Env, err, want)
	}
}

// Promise 8: a bottle of another engine is not looked for here, by no verb.
func TestWrongEngine(t *testing.T) {
	w := newWorld(t)
	b := web
	b.Context, b.Endpoint = "prod", "tcp://prod"
	if err := w.store.Create(b); err != nil {
		t.Fatal(err)
	}
	for verb, do := range map[string]func() error{
		"resume": func() error { _, _, err := w.resume(t, bottle.ResumeOptions{}); return err },
		"stop":   func() error { return bottle.Stop(t.Context(), w, w.store, "web", nil) },
		"rm":     func() error { return bottle.Remove(t.Context(), w, w.store, "web", true, nil) },
	} {
		err := do()
		var wrong *bottle.WrongEngineError
		if !errors.As(err, &wrong) || wrong.Where != `the engine of context "prod" at tcp://prod` || wrong.Here != `the engine of context "default" at unix:///engine` || wrong.Command != "docker --context prod" {
			t.Errorf("%s: got %v, want a WrongEngineError", verb, err)
		}
	}
	w.assertCalls(t)
}
