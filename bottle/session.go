package bottle

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

//go:embed session.sh
var sessionSource string

// sessionScript runs the agent in the bottle. Its comments are not for those
// who list programs there.
var sessionScript = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(sessionSource, "")

// What the script is to do.
const (
	attachSession = "attach"
	spawnSession  = "spawn"
	joinSession   = "join"
	askSession    = "ask"
	noSession     = "plain"
)

// leftSession is the script's status when the terminal was left as it should.
const leftSession = 129

// scripted returns p run by the script.
func scripted(p backends.Process, mode string, b bottlestate.Bottle, note, resume string) backends.Process {
	script := []string{"/bin/sh", "-c", sessionScript, "bottle-agent",
		mode, string(b.Slug), os.Getenv("TERM"), os.Getenv("COLORTERM"), note, resume}
	p.Args = append(script, p.Args...)
	return p
}

// attached is the process that runs the agent on these streams, or joins the
// session that it has. A session needs no secrets any more.
func attached(ctx context.Context, be backends.Backend, b bottlestate.Bottle, stdio backends.Stdio, opts RunOptions) (p backends.Process, joins bool, err error) {
	if stdio.TTY && opts.Keep && opts.Args == nil {
		joins, err = living(ctx, be, b)
		if err != nil || joins {
			return scripted(p, joinSession, b, "", ""), joins, err
		}
	}
	p, err = agent(b, opts.Args)
	switch {
	case err != nil:
	case stdio.TTY && !opts.beside():
		p = scripted(p, attachSession, b, opts.Note, opts.line(b))
	case opts.line(b) != "":
		p = scripted(p, noSession, b, "", opts.line(b))
	}
	return p, false, err
}

// askSession finds out whether an agent that seems to have ended, or was
// detached from, goes on in a session.
func (out *Outcome) askSession(ctx context.Context, be backends.Backend, b bottlestate.Bottle) error {
	lives, err := living(context.WithoutCancel(ctx), be, b)
	if err != nil || !lives {
		return err
	}
	var exit *backends.ExitError
	out.Session = true
	out.Cut = !errors.As(out.Agent, &exit) || exit.Code != leftSession
	out.Agent = backends.ErrDetached
	return nil
}

// askTime is how long a bottle may take to say whether it has a session.
const askTime = 20 * time.Second

// living reports whether the agent has a session in the bottle.
func living(ctx context.Context, be backends.Backend, b bottlestate.Bottle) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := be.Exec(ctx, b, scripted(backends.Process{}, askSession, b, "", ""), backends.Stdio{Out: io.Discard, Err: io.Discard})
	var exit *backends.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit):
		return false, nil
	case errors.Is(err, context.Canceled):
		return false, err
	}
	if state, stateErr := be.State(ctx, b); stateErr == nil && state != backends.Running {
		return false, nil
	}
	return false, fmt.Errorf("bottle %s does not say whether its agent goes on: %w", b.Slug, err)
}
