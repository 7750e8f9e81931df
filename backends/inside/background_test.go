package inside

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// answer is what a bottle does when it is asked once.
type answer struct {
	state    backends.State
	stateErr error
	out, err string
	execErr  error
}

// script is a bottle that gives its answers one after another, and the last
// one from then on.
type script struct {
	answers []answer
	asked   int
	execs   []backends.Process
	asking  func()
}

func (s *script) State(context.Context, bottlestate.Bottle) (backends.State, error) {
	a := s.answers[min(s.asked, len(s.answers)-1)]
	if s.asked++; s.asking != nil {
		s.asking()
	}
	return a.state, a.stateErr
}

func (s *script) Exec(_ context.Context, _ bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	s.execs = append(s.execs, p)
	a := s.answers[min(s.asked, len(s.answers))-1]
	_, outErr := io.WriteString(stdio.Out, a.out)
	_, err := io.WriteString(stdio.Err, a.err)
	return errors.Join(outErr, err, a.execErr)
}

var web = bottlestate.Bottle{Slug: "web"}

func TestWait(t *testing.T) {
	busy := errors.New("busy")
	up := func(out string) answer { return answer{state: backends.Running, out: out} }
	for _, tt := range []struct {
		name    string
		answers []answer
		again   func(error) bool
		want    int
		err     string
		kind    error
		asked   int
	}{
		{"ended well", []answer{up("0\n")}, nil, 0, "", nil, 1},
		{"failed", []answer{up("137\n")}, nil, 137, "", nil, 1},
		{"runs a while", []answer{up(""), up("\n"), up("7\n")}, nil, 7, "", nil, 3},
		{"no number", []answer{up("x")}, nil, 0, "invalid syntax", nil, 1},
		{"died with the bottle", []answer{{state: backends.Running, execErr: &backends.ExitError{Code: 99}}}, nil, 0, "the bottle was stopped before its agent ended", nil, 1},
		{"cannot be asked", []answer{{state: backends.Running, err: "no sh\n", execErr: busy}}, nil, 0, "asking for the agent's exit status: busy: no sh", busy, 1},
		{"cannot be asked for a while", []answer{{state: backends.Running, execErr: busy}, {stateErr: busy}, up("5")}, func(err error) bool { return errors.Is(err, busy) }, 5, "", nil, 3},
		{"another error", []answer{{stateErr: errors.New("other")}}, func(err error) bool { return errors.Is(err, busy) }, 0, "other", nil, 1},
		{"gone", []answer{{state: backends.Gone}}, nil, 0, "bottle web: not found", backends.ErrNotFound, 1},
		{"gone after a while", []answer{up(""), {state: backends.Gone}}, nil, 0, "bottle web: not found", backends.ErrNotFound, 2},
		{"stopped", []answer{{state: backends.Stopped}}, nil, 0, "bottle web is stopped: the exit status of its agent can be read once it is up again", nil, 1},
		{"no state", []answer{{stateErr: busy}}, nil, 0, "busy", busy, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{answers: tt.answers}
			got, err := Wait(t.Context(), s, web, "run1", tt.again)
			if got != tt.want || (err == nil) != (tt.err == "") || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("%d, %v; want %d, %q", got, err, tt.want, tt.err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %q, want %q", err, tt.err)
			}
			if s.asked != tt.asked {
				t.Errorf("asked %d times, want %d", s.asked, tt.asked)
			}
			for _, p := range s.execs {
				if p.User != "0" || !slices.Equal(p.Args[len(p.Args)-2:], []string{"run1", backends.RunDir + "/run1"}) {
					t.Errorf("it was asked by %+v", p)
				}
			}
		})
	}
}

// A wait ends at once with its context, whatever the bottle says.
func TestWaitCancelled(t *testing.T) {
	for name, a := range map[string]answer{
		"while it runs":        {state: backends.Running},
		"with an answer":       {state: backends.Running, out: "3"},
		"with an error":        {stateErr: errors.New("killed")},
		"when it has no state": {state: backends.Gone},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{answers: []answer{a}, asking: cancel}
		if code, err := Wait(ctx, s, web, "run1", func(error) bool { return true }); err != context.Canceled || s.asked != 1 {
			t.Errorf("%s: %d, %v, asked %d times", name, code, err, s.asked)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitFirst+waitFirst/2)
	defer cancel()
	s := &script{answers: []answer{{state: backends.Running}}}
	if code, err := Wait(ctx, s, web, "run1", nil); err != context.DeadlineExceeded || s.asked < 1 || s.asked > 2 {
		t.Errorf("%d, %v, asked %d times", code, err, s.asked)
	}
}

func TestLogs(t *testing.T) {
	for _, tt := range []struct {
		follow bool
		want   string
	}{{false, "cat /.bottle/log"}, {true, "tail -n +1 -f /.bottle/log"}} {
		s := &script{answers: []answer{{state: backends.Running, out: "out", err: "err"}}}
		var out, errOut strings.Builder
		if err := Logs(t.Context(), s, web, tt.follow, &out, &errOut); err != nil {
			t.Fatal(err)
		}
		p := s.execs[0]
		if got := strings.Join(p.Args[4:], " "); got != tt.want || p.User != "0" || out.String() != "out" || errOut.String() != "err" {
			t.Errorf("%q as %q, which says %q, %q", got, p.User, out.String(), errOut.String())
		}
	}
	s := &script{answers: []answer{{state: backends.Stopped}}}
	if err := Logs(t.Context(), s, web, false, io.Discard, io.Discard); err == nil || err.Error() != "bottle web is stopped: its output can be read once it is up again" || s.execs != nil {
		t.Errorf("stopped: %v, %v", err, s.execs)
	}
}
