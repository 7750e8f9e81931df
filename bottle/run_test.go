package bottle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// What becomes of a bottle when its agent has ended: nothing that no snapshot
// holds is lost, unless the person asked for that with --rm and the agent
// ended well.
func TestRun(t *testing.T) {
	failed := &backends.ExitError{Code: 3}
	diskFull := errors.New("disk full")
	for _, tt := range []struct {
		name      string
		rm        bool
		committed bool // before the agent ends
		agent     error
		opts      bottle.RunOptions
		freeze    error

		err       error
		removed   bool // record and all
		gone      bool // the container
		running   bool
		preserved bool
		head      int
	}{
		{name: "ends well"},
		{name: "ends badly", agent: failed, preserved: true},
		{name: "interrupted", agent: context.Canceled, preserved: true},
		{name: "rm", rm: true, removed: true, gone: true},
		{name: "rm, ends badly", rm: true, agent: failed, preserved: true},
		{name: "rm, committed", rm: true, committed: true, gone: true, preserved: true, head: 1},
		{name: "rm, committed, ends badly", rm: true, committed: true, agent: failed, preserved: true, head: 1},
		{name: "detached", rm: true, agent: backends.ErrDetached, running: true},
		{name: "keep", rm: true, opts: bottle.RunOptions{Keep: true}, running: true},
		{name: "keep, ends badly", agent: failed, opts: bottle.RunOptions{Keep: true}, running: true},
		{name: "keep, commit", opts: bottle.RunOptions{Keep: true, CommitOnExit: true}, running: true, preserved: true, head: 1},
		{name: "keep, commit fails", opts: bottle.RunOptions{Keep: true, CommitOnExit: true}, freeze: diskFull, err: diskFull, running: true},
		{name: "commit", opts: bottle.RunOptions{CommitOnExit: true}, preserved: true, head: 1},
		{name: "commit, ends badly", agent: failed, opts: bottle.RunOptions{CommitOnExit: true}, preserved: true, head: 1},
		{name: "rm, commit", rm: true, opts: bottle.RunOptions{CommitOnExit: true}, gone: true, preserved: true, head: 1},
		{name: "rm, commit, ends badly", rm: true, agent: failed, opts: bottle.RunOptions{CommitOnExit: true}, preserved: true, head: 1},
		{name: "commit fails", opts: bottle.RunOptions{CommitOnExit: true}, freeze: diskFull, err: diskFull, preserved: true},
		{name: "rm, commit fails", rm: true, opts: bottle.RunOptions{CommitOnExit: true}, freeze: diskFull, err: diskFull, preserved: true},
		{name: "rm, commit is refused", rm: true, opts: bottle.RunOptions{CommitOnExit: true}, freeze: backends.ErrCommitCancelled, err: backends.ErrCommitCancelled, preserved: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := web
			b.Remove = tt.rm
			b = w.start(t, b)
			w.exec = func(c *container) error {
				c.files = "work"
				if tt.committed {
					w.commit(t, "work")
				}
				w.fail["Freeze"] = tt.freeze
				return tt.agent
			}
			out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, tt.opts)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("got error %v, want %v", err, tt.err)
			}
			if !errors.Is(out.Agent, tt.agent) || out.Removed != tt.removed {
				t.Errorf("got %+v, want the agent's %v and removed %v", out, tt.agent, tt.removed)
			}
			if committed := tt.opts.CommitOnExit && tt.freeze == nil; (out.Snapshot != nil) != committed {
				t.Errorf("got snapshot %+v, want one: %v", out.Snapshot, committed)
			}
			if tt.removed {
				w.assertGone(t)
				assertNoRecord(t, w)
				return
			}
			if tt.gone {
				w.assertGone(t)
			} else {
				w.assertFiles(t, "work", tt.running)
			}
			w.assertHead(t, tt.head)
			if preserved, err := w.store.Preserved("web"); preserved != tt.preserved || err != nil {
				t.Errorf("preserved: %v, %v; want %v", preserved, err, tt.preserved)
			}
			if _, err := w.store.Bottle("web"); err != nil {
				t.Errorf("the record: %v", err)
			}
			// Whatever is left can be brought back, with the work in it.
			if _, _, err := w.resume(t, bottle.ResumeOptions{RequireSnapshot: true}); err != nil {
				t.Errorf("resume: %v", err)
			}
			w.assertFiles(t, "work", true)
		})
	}
}

// A bottle that another command has booted anew is that command's: the agent
// that this has ended does not stop it, nor commit it.
func TestRunRebootedMeanwhile(t *testing.T) {
	w := newWorld(t)
	b := w.start(t, web)
	w.commit(t, "one")
	w.exec = func(*container) error {
		w.containers["web"].files = "two"
		if _, _, err := w.resume(t, bottle.ResumeOptions{At: 1}); err != nil {
			t.Error(err)
		}
		return &backends.ExitError{Code: 137}
	}
	out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, bottle.RunOptions{CommitOnExit: true})
	if err != nil || !out.Rebooted || out.Snapshot != nil {
		t.Errorf("got %+v, %v; want rebooted", out, err)
	}
	w.assertFiles(t, "one", true)
	w.assertHead(t, 1)
}

// A bottle that somebody removes while its agent runs is not an error of the
// agent's, and is not brought back by half.
func TestRunRemovedMeanwhile(t *testing.T) {
	w := newWorld(t)
	b := w.start(t, web)
	w.exec = func(*container) error {
		if err := bottle.Remove(t.Context(), w, w.store, "web", true, nil); err != nil {
			t.Error(err)
		}
		return &backends.ExitError{Code: 137}
	}
	out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, bottle.RunOptions{CommitOnExit: true})
	if err != nil || !out.Removed || out.Snapshot != nil {
		t.Errorf("got %+v, %v; want removed", out, err)
	}
	w.assertGone(t)
	assertNoRecord(t, w)
}

// Promise 7: an interrupt ends the agent; its work is still put away.
func TestRunInterrupted(t *testing.T) {
	w := newWorld(t)
	b := w.start(t, web)
	ctx, cancel := context.WithCancel(t.Context())
	w.exec = func(c *container) error {
		c.files = "work"
		cancel()
		return ctx.Err()
	}
	out, err := bottle.Run(ctx, w, w.store, b, backends.Stdio{}, bottle.RunOptions{CommitOnExit: true})
	if err != nil || !errors.Is(out.Agent, context.Canceled) || out.Snapshot == nil {
		t.Errorf("got %+v, %v; want a snapshot", out, err)
	}
	w.assertCalls(t, "Exec agent", "Freeze test/web:1", "Stop")
	w.assertFiles(t, "work", false)
	w.assertHead(t, 1)
}

// With a record that cannot be read, a --rm bottle is kept: what the record
// would say is not known.
func TestRunRemoveCorrupt(t *testing.T) {
	for _, file := range []string{"head", "snapshots/1.json"} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			b := web
			b.Remove = true
			b = w.start(t, b)
			w.commit(t, "one")
			if err := os.WriteFile(filepath.Join(w.store.Dir("web"), file), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, bottle.RunOptions{}); err != nil {
				t.Error(err)
			}
			w.assertFiles(t, "one", false)
		})
	}
}

// Promise 5: the agent gets its env and secrets when it is run, and no engine
// does before. Arguments that were asked for take the place of its own.
func TestRunProcess(t *testing.T) {
	t.Setenv("TOKEN", "hush")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "Exec agent A=1 TOKEN=hush"},
		{[]string{"sh", "-l"}, "Exec sh -l A=1 TOKEN=hush"},
	} {
		w := newWorld(t)
		b := web
		b.Env, b.Secrets = []string{"A=1"}, []string{"TOKEN"}
		b = w.start(t, b)
		if _, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, bottle.RunOptions{Args: tt.args}); err != nil {
			t.Error(err)
		}
		w.assertCalls(t, tt.want, "Stop")
	}
}

// The run of a background agent is remembered; its bad end marks the bottle.
func TestSpawnAndWait(t *testing.T) {
	for _, tt := range []struct {
		end       error
		status    int
		err       error
		preserved bool
	}{
		{nil, 0, nil, false},
		{&backends.ExitError{Code: 3}, 3, nil, true},
		{context.Canceled, 0, context.Canceled, false},
	} {
		w := newWorld(t)
		b := w.start(t, web)
		if _, err := bottle.Wait(t.Context(), w, w.store, b); !errors.Is(err, bottle.ErrNoRun) {
			t.Errorf("got %v, want ErrNoRun", err)
		}
		if err := bottle.Spawn(t.Context(), w, w.store, b, bottle.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		w.assertCalls(t, "Spawn spawn:| agent")
		w.fail["Wait"] = tt.end
		if status, err := bottle.Wait(t.Context(), w, w.store, b); status != tt.status || !errors.Is(err, tt.err) {
			t.Errorf("got %d, %v; want %d, %v", status, err, tt.status, tt.err)
		}
		if preserved, err := w.store.Preserved("web"); preserved != tt.preserved || err != nil {
			t.Errorf("preserved: %v, %v; want %v", preserved, err, tt.preserved)
		}
	}
}

// Exec runs in a bottle that is up, with the bottle's env before its own.
func TestExec(t *testing.T) {
	w := newWorld(t)
	b := web
	b.Env = []string{"A=1"}
	b = w.start(t, b)
	p := backends.Process{Args: []string{"env"}, Env: []string{"B=2"}}
	if err := bottle.Exec(t.Context(), w, w.store, b, p, backends.Stdio{}, w.notify); err != nil {
		t.Fatal(err)
	}
	w.assertCalls(t, "Exec env A=1 B=2")
	for _, tt := range []struct {
		state  backends.State
		before func()
	}{
		{backends.Stopped, func() { w.containers["web"].running = false }},
		{backends.Gone, func() { clear(w.containers) }},
	} {
		w.forget()
		tt.before()
		err := bottle.Exec(t.Context(), w, w.store, b, p, backends.Stdio{}, w.notify)
		var state *bottle.StateError
		if !errors.As(err, &state) || state.State != tt.state || state.Slug != "web" {
			t.Errorf("got %v, want a StateError: %s", err, tt.state)
		}
		w.assertCalls(t)
	}
}

// Remove takes all that the engine has of the bottle, and then the record. If
// a step fails the record is still there, and it can be done again.
func TestRemove(t *testing.T) {
	for _, method := range []string{"", "Remove", "RemoveArtifact", "RemoveCaches"} {
		t.Run("fails: "+method, func(t *testing.T) {
			w := newWorld(t)
			w.start(t, web)
			w.commit(t, "one")
			w.commit(t, "two")
			if method != "" {
				w.fail[method] = errors.New("busy")
				if err := bottle.Remove(t.Context(), w, w.store, "web", true, nil); !errors.Is(err, w.fail[method]) {
					t.Errorf("got %v, want %v", err, w.fail[method])
				}
				if _, err := w.store.Bottle("web"); err != nil {
					t.Errorf("the record: %v", err)
				}
				delete(w.fail, method)
				w.forget()
			}
			if err := bottle.Remove(t.Context(), w, w.store, "web", true, nil); err != nil {
				t.Fatal(err)
			}
			w.assertCalls(t, "Remove volumes", "RemoveArtifact test/web:1", "RemoveArtifact test/web:2", "RemoveCaches")
			w.assertGone(t)
			assertNoRecord(t, w)
		})
	}
}

// A running bottle is removed by force alone; a snapshot whose record cannot
// be read is in the way of both, for its image would be left behind.
func TestRemoveRefused(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	w.commit(t, "one")
	err := bottle.Remove(t.Context(), w, w.store, "web", false, nil)
	var state *bottle.StateError
	if !errors.As(err, &state) || state.State != backends.Running {
		t.Errorf("got %v, want a StateError: running", err)
	}
	path := filepath.Join(w.store.Dir("web"), "snapshots", "1.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = bottle.Remove(t.Context(), w, w.store, "web", true, nil)
	var corrupt *bottlestate.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Path != path {
		t.Errorf("got %v, want a CorruptError of %s", err, path)
	}
	w.assertCalls(t)
	w.assertFiles(t, "one", true)
}

// Promise 7: no verb works on a bottle while another one does; an interrupt
// ends the wait.
func TestLocked(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	unlock, err := w.store.Lock(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for verb, do := range map[string]func() error{
		"commit": func() error {
			_, err := bottle.Commit(ctx, w, w.store, "web", bottle.CommitOptions{})
			return err
		},
		"resume": func() error {
			_, _, err := bottle.Resume(ctx, w, w.store, "web", bottle.ResumeOptions{Open: open})
			return err
		},
		"stop": func() error { return bottle.Stop(ctx, w, w.store, "web", nil) },
		"rm":   func() error { return bottle.Remove(ctx, w, w.store, "web", true, nil) },
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", verb, err)
		}
	}
	w.assertCalls(t)
}
