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

const (
	// leftSession is the script's status when the terminal was left as it should.
	leftSession = 129
	// endedStatus is its status when it is asked for an agent that has ended.
	endedStatus = 2
)

// SessionError is returned where a second agent would be started beside one
// that is at work in its session.
type SessionError struct{ Slug bottlestate.Slug }

func (e *SessionError) Error() string {
	return fmt.Sprintf("the agent of %s is at work in its session, which needs a terminal", e.Slug)
}

// scripted returns p run by the script.
func scripted(p backends.Process, mode string, b bottlestate.Bottle, note, resume string) backends.Process {
	script := []string{"/bin/sh", "-c", sessionScript, "bottle-agent",
		mode, string(b.Slug), os.Getenv("TERM"), os.Getenv("COLORTERM"), note, resume}
	p.Args = append(script, p.Args...)
	return p
}

// attached is the process that runs the agent on these streams.
func attached(b bottlestate.Bottle, stdio backends.Stdio, opts RunOptions) (backends.Process, error) {
	p, err := agent(b, opts)
	switch {
	case err != nil:
	case stdio.TTY && !opts.beside():
		p = scripted(p, attachSession, b, opts.Note, opts.line(b))
	case opts.line(b) != "":
		p = scripted(p, noSession, b, "", opts.line(b))
	}
	return p, err
}

// joined is the process that shows these streams the session that the agent
// has. That needs no secrets any more.
func joined(b bottlestate.Bottle) backends.Process {
	return scripted(backends.Process{Dir: "/"}, joinSession, b, "", "") // the agent's own may be gone
}

// askSession finds out whether an agent that seems to have ended, or was
// detached from, goes on in a session.
func (out *Outcome) askSession(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, notify Notify) error {
	state, err := askAgent(context.WithoutCancel(ctx), be, store, b, notify)
	if err != nil || state != agentLives {
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

// agentState is what became of the agent of a bottle that is up.
type agentState int

const (
	agentUnknown agentState = iota
	agentLives              // in its session
	agentEnded
)

// askAgent asks in the bottle how its agent is.
func askAgent(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, notify Notify) (agentState, error) {
	err := unpaused(ctx, be, store, b, notify, func() error {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return be.Exec(ctx, b, scripted(backends.Process{Dir: "/"}, askSession, b, "", ""), backends.Stdio{Out: io.Discard, Err: io.Discard})
	})
	var exit *backends.ExitError
	switch {
	case err == nil:
		return agentLives, nil
	case errors.As(err, &exit) && exit.Code == endedStatus:
		return agentEnded, nil
	case errors.As(err, &exit):
		return agentUnknown, nil
	case errors.Is(err, context.Canceled):
		return agentUnknown, err
	}
	if state, stateErr := be.State(ctx, b); stateErr == nil && state != backends.Running {
		return agentUnknown, nil
	}
	return agentUnknown, fmt.Errorf("bottle %s does not say whether its agent goes on: %w", b.Slug, err)
}
