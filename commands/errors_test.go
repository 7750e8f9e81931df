package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// testProgram is a program that says what it says to the two buffers.
func testProgram(t *testing.T, slugs ...bottlestate.Slug) (p *Program, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cli, err := command.NewDockerCli(command.WithOutputStream(stdout), command.WithErrorStream(stderr))
	if err != nil {
		t.Fatal(err)
	}
	p = &Program{CLI: cli, Store: bottlestate.New(t.TempDir()), Invocation: "docker -c prod bottle"}
	for _, slug := range slugs {
		if err := p.Store.Create(bottlestate.Bottle{Slug: slug, Backend: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return p, stdout, stderr
}

// Promise 9: every kind of error has its exit status, and its text with the
// next step, which works where the person is.
func TestReport(t *testing.T) {
	snap := &bottlestate.Snapshot{Number: 3, Reference: "docker-bottle/web:3"}
	plain := errors.New("disk full")
	for _, tt := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"none", nil, 0, ""},
		{"plain", plain, 1, "disk full\n"},
		{"own no", fmt.Errorf("commit web: %w", backends.ErrCommitCancelled), 0, "cancelled: nothing was committed\n"},
		{"agent's status", cli.StatusError{StatusCode: 42}, 42, ""},
		{"usage", usage("which bottle? name one of: %s", "web"), 125, "which bottle? name one of: web\n"},
		{"usage, wrapped", fmt.Errorf("commit web: %w", usage("no terminal to ask on, use --yes")), 125, "commit web: no terminal to ask on, use --yes\n"},
		{"usage, among others", errors.Join(usage("bottle web has 1 snapshot"), plain), 125, "bottle web has 1 snapshot\ndisk full\n"},
		{"docker's own", cli.StatusError{Cause: plain}, 1, "disk full\n"},
		{"docker's own, with both", cli.StatusError{Cause: plain, Status: "the disk is full", StatusCode: 2}, 2, "the disk is full\n"},
		{"interrupted", fmt.Errorf("commit web: %w", context.Canceled), 130, "interrupted: commit web\n"},
		{"interrupted, and more", errors.Join(context.Canceled, plain), 130, "interrupted\ndisk full\n"},
		{"interrupted, on the terminal", cli.StatusError{StatusCode: 130}, 130, ""},
		{"build", fmt.Errorf("building Dockerfile: %w", &backends.ExitError{Code: 17}), 17, "building Dockerfile: exit status 17\n"},
		{"hinted already", hinted{&bottle.StateError{Slug: "web", State: backends.Gone}, "do this"}, 1, "bottle web is gone\ndo this\n"},
		{"engine down", fmt.Errorf("no socket: %w", backends.ErrUnavailable), 1, "no socket: engine not available\n"},
		{"other context", &bottle.WrongEngineError{Slug: "web", Where: "the engine there", Here: "the one here", Command: "docker --context prod"}, 1,
			"bottle web belongs to the engine there, not to the one here\nuse: docker --context prod bottle commit web\n"},
		{"running", &bottle.StateError{Slug: "web", State: backends.Running}, 1,
			"bottle web is running\nstop it first: docker -c prod bottle stop web, or use --force\n"},
		{"stopped", &bottle.StateError{Slug: "web", State: backends.Stopped}, 1,
			"bottle web is stopped\nbring it up with: docker -c prod bottle resume -d web\n"},
		{"gone", &bottle.StateError{Slug: "web", State: backends.Gone}, 1,
			"bottle web is gone\nbring it up with: docker -c prod bottle resume -d web\n"},
		{"snapshot gone", &bottle.SnapshotGoneError{Slug: "web", Snapshot: snap}, 1,
			"snapshot web@3 (docker-bottle/web:3) is gone from the engine\nsee what is kept with: docker -c prod bottle log web\n"},
		{"rebuild refused", &bottle.SnapshotGoneError{Slug: "web", Snapshot: snap, Refused: true}, 1,
			"snapshot web@3 (docker-bottle/web:3) is gone from the engine\nsee what is kept with: docker -c prod bottle log web\nrebuild it with: docker -c prod bottle resume web\n"},
		{"rebuild refused, another there", &bottle.SnapshotGoneError{Slug: "web", Snapshot: snap, Other: 2, Refused: true}, 1,
			"snapshot web@3 (docker-bottle/web:3) is gone from the engine\nsee what is kept with: docker -c prod bottle log web\n" +
				"go back to web@2 with: docker -c prod bottle resume --at 2 web\nrebuild it with: docker -c prod bottle resume web\n"},
		{"cannot be rebuilt", &bottle.SnapshotGoneError{Slug: "web", Err: fs.ErrNotExist}, 1,
			"bottle web is gone from the engine and has no snapshot to boot from, and it cannot be rebuilt: file does not exist\nsee what is kept with: docker -c prod bottle log web\n"},
		{"rebuild fails", &bottle.SnapshotGoneError{Slug: "web", Err: &backends.ExitError{Code: 17}}, 17,
			"bottle web is gone from the engine and has no snapshot to boot from, and it cannot be rebuilt: exit status 17\nsee what is kept with: docker -c prod bottle log web\n"},
		{"no snapshot", &bottle.NoSnapshotError{Slug: "web"}, 1,
			"bottle web has no snapshot\nmake one with: docker -c prod bottle commit web\n"},
		{"present", &bottle.PresentError{Slug: "web", At: 2, Err: plain}, 1,
			"the present of web could not be saved, so it stays: disk full\nlose it with: docker -c prod bottle resume --discard --at 2 web\n"},
		{"secret", &bottle.MissingSecretError{Name: "TOKEN"}, 1,
			"secret TOKEN is not set in the environment\nexport it first, or put it before the command: TOKEN=VALUE docker -c prod bottle commit web\n"},
		{"not recorded", &bottle.RecordError{Slug: "web", Reference: "docker-bottle/web:3", Err: plain}, 1,
			"the snapshot is safe as docker-bottle/web:3, but could not be recorded: disk full\nrecord it with: docker -c prod bottle adopt web\n"},
		{"present not recorded", &bottle.PresentError{Slug: "web", At: 2, Err: &bottle.RecordError{Slug: "web", Reference: "docker-bottle/web:3", Err: plain}}, 1,
			"the present of web could not be saved, so it stays: the snapshot is safe as docker-bottle/web:3, but could not be recorded: disk full\n" +
				"record it with: docker -c prod bottle adopt web\n"},
		{"unknown snapshot", &bottlestate.UnknownSnapshotError{Slug: "web", Number: 9}, 1,
			"snapshot web@9: not found\nsee what is kept with: docker -c prod bottle log web\n"},
		{"corrupt", &bottlestate.CorruptError{Slug: "web", Path: "/state/web/head", Err: errors.New("not a snapshot number")}, 1,
			"/state/web/head: not a snapshot number\nsee what mends it with: docker -c prod bottle doctor web\n"},
		{"newer", &bottlestate.CorruptError{Slug: "web", Path: "/state/web/head", Err: fmt.Errorf("%w: update the plugin", bottlestate.ErrNewer)}, 1,
			"/state/web/head: written by a newer docker bottle: update the plugin\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Program{Invocation: "docker -c prod bottle", Args: "commit web"}
			var out bytes.Buffer
			if code := p.Report(&out, tt.err); code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
			if out.String() != tt.want {
				t.Errorf("got  %q\nwant %q", out.String(), tt.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"web", "web", 0},
		{"", "web", 3},
		{"web", "wed", 1},
		{"web", "we", 1},
		{"web", "weeb", 1},
		{"web", "ewb", 2},
		{"kitten", "sitting", 3},
		{"abc", "xyz", 3},
		{"flaw", "lawn", 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

// Promise 9: an unknown bottle is named, with the nearest names there are, or
// with the way to see or make one.
func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		name  bottlestate.Slug
		there []bottlestate.Slug
		want  string
	}{
		{"web", nil, "no bottle web\nthere is no bottle yet; make one with: docker -c prod bottle start"},
		{"web", []bottlestate.Slug{"backend"}, "no bottle web\nsee the bottles there are with: docker -c prod bottle ls"},
		{"wbe", []bottlestate.Slug{"web", "backend"}, "no bottle wbe\ndid you mean web?"},
		{"cl", []bottlestate.Slug{"claude-x7k2p", "codex-1", "claude-web"}, "no bottle cl\ndid you mean claude-web or claude-x7k2p?"},
		{"claude-x7k2p", []bottlestate.Slug{"claude"}, "no bottle claude-x7k2p\nsee the bottles there are with: docker -c prod bottle ls"},
	} {
		p, _, _ := testProgram(t, tt.there...)
		if err := p.unknown(tt.name); err.Error() != tt.want {
			t.Errorf("%s among %s: got %q, want %q", tt.name, tt.there, err, tt.want)
		}
		if _, _, err := p.open(string(tt.name)); err == nil || err.Error() != tt.want {
			t.Errorf("open(%s) among %s: got %v, want %q", tt.name, tt.there, err, tt.want)
		}
	}
}

// placed is an engine of which it is only known where it is.
type placed struct {
	backends.Backend // anything else would panic
}

func (placed) Endpoint() (name, address string) { return "", "" }

// A name that is taken is an error that names the resume that works, if there
// is one; any other is passed on.
func TestTaken(t *testing.T) {
	p, _, _ := testProgram(t, "web")
	if err := p.Store.Create(bottlestate.Bottle{Slug: "api", Backend: "test", Context: "far", Endpoint: "unix:///far"}); err != nil {
		t.Fatal(err)
	}
	here := backends.Registry{"test": func() (backends.Backend, error) { return placed{}, nil }}
	for _, tt := range []struct {
		slug     bottlestate.Slug
		backends backends.Registry
		want     string
	}{
		{"web", here, "bottle web exists already\nbring it back with: docker -c prod bottle resume web"},
		{"api", here, "bottle api exists already\nbring it back with: docker --context far bottle resume api"},
		{"web", backends.Registry{"other": nil}, "bottle web exists already\nbottle web: unknown backend \"test\": use one of other"},
	} {
		p.Backends = tt.backends
		if err := p.taken(fmt.Errorf("bottle %s: %w", tt.slug, fs.ErrExist), tt.slug); err.Error() != tt.want {
			t.Errorf("got %q, want %q", err, tt.want)
		}
	}
	other := errors.New("disk full")
	for _, err := range []error{other, nil} {
		if got := p.taken(err, "web"); got != err {
			t.Errorf("got %v, want %v", got, err)
		}
	}
}

// Of several bottles each is tried, the output names those that went well, the
// person hears of every other one, and a "no" is not a failure.
func TestEach(t *testing.T) {
	busy, no := errors.New("api is busy"), errors.New("no")
	for _, tt := range []struct {
		name           string
		errs           map[string]error
		stdout, stderr string
		report         string
		code           int
	}{
		{"all good", nil, "web\napi\n", "", "", 0},
		{"one fails", map[string]error{"api": busy}, "web\n", "", "api is busy\n", 1},
		{"both fail", map[string]error{"web": &bottle.StateError{Slug: "web", State: backends.Running}, "api": busy}, "", "",
			"bottle web is running\nstop it first: docker -c prod bottle stop web, or use --force\napi is busy\n", 1},
		{"usage, and one fails", map[string]error{"web": usage("web has 1 snapshot"), "api": busy}, "", "", "web has 1 snapshot\napi is busy\n", 125},
		{"no", map[string]error{"web": no}, "api\n", "", "", 0},
		{"no, and one fails", map[string]error{"web": no, "api": busy}, "", "", "api is busy\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, stdout, stderr := testProgram(t)
			err := p.each(t.Context(), []string{"web", "api"}, func(name string) (bool, error) {
				if err := tt.errs[name]; err != no {
					return true, err
				}
				return false, nil
			})
			if stdout.String() != tt.stdout || stderr.String() != tt.stderr {
				t.Errorf("got stdout %q and stderr %q, want %q and %q", stdout, stderr, tt.stdout, tt.stderr)
			}
			var report bytes.Buffer
			if code := p.Report(&report, err); code != tt.code || report.String() != tt.report {
				t.Errorf("got status %d and %q, want %d and %q", code, report.String(), tt.code, tt.report)
			}
		})
	}
}

// Promise 7: after an interrupt no further bottle is touched.
func TestEachInterrupted(t *testing.T) {
	p, _, _ := testProgram(t)
	ctx, cancel := context.WithCancel(t.Context())
	var asked []string
	err := p.each(ctx, []string{"web", "api"}, func(name string) (bool, error) {
		asked = append(asked, name)
		cancel()
		return false, ctx.Err()
	})
	if len(asked) != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("asked for %q, %v; want web alone and context.Canceled", asked, err)
	}
}
