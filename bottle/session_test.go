package bottle_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
)

// On a terminal an agent that goes on in its session was left, however the
// program that showed it has ended, and its bottle stays as it is. An agent
// that ended well is not asked for.
func TestRunSession(t *testing.T) {
	left, failed := &backends.ExitError{Code: 129}, &backends.ExitError{Code: 3}
	for _, tt := range []struct {
		name    string
		agent   error
		session bool // lives on
		calls   []string
		want    error
		out     bottle.Outcome // Session and Cut
		running bool
	}{
		{name: "ends well", calls: []string{"Stop"}},
		{name: "ends badly", agent: failed, calls: []string{"Exec ask:|", "Stop"}, want: failed},
		{name: "left", agent: left, session: true, calls: []string{"Exec ask:|"}, want: backends.ErrDetached, out: bottle.Outcome{Session: true}, running: true},
		{name: "killed with its session", agent: left, calls: []string{"Exec ask:|", "Stop"}, want: left},
		{name: "interrupted", agent: context.Canceled, session: true, calls: []string{"Exec ask:|"}, want: backends.ErrDetached, out: bottle.Outcome{Session: true, Cut: true}, running: true},
		{name: "interrupted, without a session", agent: context.Canceled, calls: []string{"Exec ask:|", "Stop"}, want: context.Canceled},
		{name: "the engine's keys", agent: backends.ErrDetached, session: true, calls: []string{"Exec ask:|"}, want: backends.ErrDetached, out: bottle.Outcome{Session: true, Cut: true}, running: true},
		{name: "the engine's keys, without a session", agent: backends.ErrDetached, calls: []string{"Exec ask:|"}, want: backends.ErrDetached, running: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.start(t, web)
			w.exec = func(c *container) error {
				c.session = tt.session
				return tt.agent
			}
			out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{TTY: true}, bottle.RunOptions{Note: "no tmux"})
			if err != nil || !errors.Is(out.Agent, tt.want) || out.Session != tt.out.Session || out.Cut != tt.out.Cut {
				t.Errorf("got %+v, %v; want %v, %+v", out, err, tt.want, tt.out)
			}
			w.assertCalls(t, append([]string{"Exec attach:no tmux| agent"}, tt.calls...)...)
			if w.containers["web"].running != tt.running {
				t.Errorf("the bottle is up: %v", !tt.running)
			}
			if preserved, _ := w.store.Preserved("web"); tt.running && preserved {
				t.Error("the bottle of an agent that goes on is marked preserved")
			}
		})
	}
}

// What an engine cannot say about a session changes nothing.
func TestRunSessionUnknown(t *testing.T) {
	w := newWorld(t)
	b := w.start(t, web)
	broken := errors.New("connection reset")
	w.exec = func(*container) error {
		w.fail["Exec"] = broken
		return broken
	}
	if _, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{TTY: true}, bottle.RunOptions{}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	w.assertFiles(t, "fresh", true)
}

// A running bottle's session is joined, without the secrets that its agent has
// already; the bottle is stopped when that ends. An agent that has ended is run
// again, as in a stopped bottle. What is run beside it has no session.
func TestRunJoins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		session bool
		ended   bool
		tty     bool
		args    []string
		calls   []string
		running bool
	}{
		{"lives", true, false, true, nil, []string{"Exec ask:|", "Exec join:|", "Stop"}, false},
		{"none", false, false, true, nil, []string{"Exec ask:|", "Exec attach:| agent"}, true},
		{"ended", false, true, true, nil, []string{"Exec ask:|", "Exec attach:|agent --continue agent", "Stop"}, false},
		{"ended, no terminal", false, true, false, nil, []string{"Exec ask:|", "Exec plain:|agent --continue agent", "Stop"}, false},
		{"beside", true, false, true, []string{"top"}, []string{"Exec top"}, true},
		{"beside one that has ended", false, true, true, []string{"top"}, []string{"Exec top"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := web
			if tt.session && tt.tty && tt.args == nil {
				b.Secrets = []string{"NOT_SET"}
				t.Setenv("NOT_SET", "")
			}
			b = w.start(t, b)
			b.Continue = "agent --continue"
			w.containers["web"].session, w.containers["web"].ended = tt.session, tt.ended
			if len(b.Secrets) > 0 {
				unset(t, "NOT_SET")
			}
			if _, rung, err := w.resume(t, bottle.ResumeOptions{}); err != nil || rung != bottle.Running {
				t.Fatal(rung, err)
			}
			w.forget()
			out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{TTY: tt.tty}, bottle.RunOptions{Args: tt.args, Keep: true})
			if err != nil || out.Agent != nil || out.Kept != tt.running {
				t.Errorf("got %+v, %v; want the bottle kept: %v", out, err, tt.running)
			}
			w.assertCalls(t, tt.calls...)
			w.assertFiles(t, "fresh", tt.running)
		})
	}
}

// Without a terminal a session cannot be shown, and no second agent is started
// beside it.
func TestRunSessionNoTerminal(t *testing.T) {
	w := newWorld(t)
	b := w.start(t, web)
	w.containers["web"].session = true
	var busy *bottle.SessionError
	if out, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{}, bottle.RunOptions{Keep: true}); !errors.As(err, &busy) {
		t.Errorf("got %+v, %v; want a SessionError", out, err)
	}
	w.assertCalls(t, "Exec ask:|")
	w.assertFiles(t, "fresh", true)
}

// In the background nothing is started beside an agent that may be at work.
func TestSpawnRunning(t *testing.T) {
	for _, tt := range []struct {
		name           string
		session, ended bool
		args           []string
		calls          []string
	}{
		{"lives", true, false, nil, []string{"Exec ask:|"}},
		{"unknown", false, false, nil, []string{"Exec ask:|"}},
		{"ended", false, true, nil, []string{"Exec ask:|", "Spawn spawn:|agent --continue agent"}},
		{"beside", true, false, []string{"top"}, []string{"Spawn top"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.start(t, web)
			b.Continue = "agent --continue"
			w.containers["web"].session, w.containers["web"].ended = tt.session, tt.ended
			if err := bottle.Spawn(t.Context(), w, w.store, b, bottle.RunOptions{Keep: true, Args: tt.args}); err != nil {
				t.Error(err)
			}
			w.assertCalls(t, tt.calls...)
		})
	}
}

// A secret that is not set is an error where there is no session to join.
func TestResumeSecretNotSet(t *testing.T) {
	w := newWorld(t)
	t.Setenv("NOT_SET", "")
	b := web
	b.Secrets = []string{"NOT_SET"}
	b = w.start(t, b)
	unset(t, "NOT_SET")
	var missing *bottle.MissingSecretError
	if _, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{TTY: true}, bottle.RunOptions{Keep: true}); !errors.As(err, &missing) {
		t.Errorf("run: got %v, want a MissingSecretError", err)
	}
	if _, _, err := w.resume(t, bottle.ResumeOptions{Secrets: []string{"NOT_SET"}}); !errors.As(err, &missing) {
		t.Errorf("resume with a new secret: got %v, want a MissingSecretError", err)
	}
	w.containers["web"].running = false
	if _, _, err := w.resume(t, bottle.ResumeOptions{}); !errors.As(err, &missing) {
		t.Errorf("resume of a stopped bottle: got %v, want a MissingSecretError", err)
	}
	w.assertFiles(t, "fresh", false)
}

// The line that continues is tried only where it was asked for, and no command
// takes the place of the agent's.
func TestRunContinues(t *testing.T) {
	for _, tt := range []struct {
		name string
		tty  bool
		opts bottle.RunOptions
		exec string
		back string // in the background
	}{
		{"terminal", true, bottle.RunOptions{Continue: true}, "Exec attach:|agent --continue agent", "Spawn spawn:|agent --continue agent"},
		{"none", false, bottle.RunOptions{Continue: true}, "Exec plain:|agent --continue agent", "Spawn spawn:|agent --continue agent"},
		{"command", false, bottle.RunOptions{Continue: true, Args: []string{"top"}}, "Exec top", "Spawn spawn:| top"},
		{"not asked for", false, bottle.RunOptions{}, "Exec agent", "Spawn spawn:| agent"},
		{"beside", false, bottle.RunOptions{Keep: true, Args: []string{"top"}}, "Exec top", "Spawn top"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.start(t, web)
			b.Continue = "agent --continue"
			if err := bottle.Spawn(t.Context(), w, w.store, b, tt.opts); err != nil {
				t.Error(err)
			}
			w.assertCalls(t, tt.back)
			w.forget()
			if _, err := bottle.Run(t.Context(), w, w.store, b, backends.Stdio{TTY: tt.tty}, tt.opts); err != nil {
				t.Error(err)
			}
			if w.calls[0] != tt.exec {
				t.Errorf("ran %q, want %q", w.calls[0], tt.exec)
			}
		})
	}
}

// unset undoes a t.Setenv before its time.
func unset(t *testing.T, name string) {
	t.Helper()
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}
