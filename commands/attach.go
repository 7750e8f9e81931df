package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// attached runs the agent on the person's terminal, says what became of the
// bottle, and ends with the agent's own exit status.
func (p *Program) attached(ctx context.Context, be backends.Backend, b bottlestate.Bottle, opts bottle.RunOptions) error {
	opts.Notify, opts.Commit.Notify, opts.Commit.Warn = p.notify, p.notify, p.warn
	stdio := p.stdio(true)
	// With the agent ended, a stop for the commit ends nothing; unless the
	// bottle was up before, with whatever is in it.
	opts.Commit.Confirm = func(context.Context, string) (bool, error) { return true, nil }
	if opts.Keep {
		opts.Commit.Confirm = p.confirmStop(false)
	}
	ctx, line := p.progress(ctx, "freezing "+string(b.Slug))
	defer line.done()
	out, err := bottle.Run(ctx, be, p.Store, b, stdio, opts)
	line.done()
	if out.Cut {
		fmt.Fprint(os.Stdout, plainTerminal)
	}
	p.afterRun(be, b, out, opts)
	if err != nil {
		return err
	}
	return agentStatus(ctx, out.Agent)
}

// plainTerminal takes back what the session of an agent asks of a terminal:
// mouse, keys, paste and focus reports, a region, the second screen.
const plainTerminal = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1004l\x1b[?2004l" +
	"\x1b[?1l\x1b>\x1b[>4m\x1b[r\x1b(B\x1b[m\x1b[?25h\x1b[?1049l"

// withoutSession is what a person has to know if the image has no tmux.
func withoutSession(be backends.Backend, stdio backends.Stdio) string {
	const ends = "the image has no tmux that works: the agent ends with this terminal"
	keys := backends.DetachKeys(be, stdio)
	if keys == "" {
		return ends
	}
	return ends + "; " + strings.ReplaceAll(keys, ",", " ") + " leaves it running, with no way back to its screen"
}

func (p *Program) afterRun(be backends.Backend, b bottlestate.Bottle, out bottle.Outcome, opts bottle.RunOptions) {
	resume := fmt.Sprintf("%s resume %s", p.Invocation, b.Slug)
	if opts.CommitOnExit { // which is of one terminal
		resume = fmt.Sprintf("%s resume --commit-on-exit %s", p.Invocation, b.Slug)
	}
	var exit *backends.ExitError
	if out.Agent != nil && !errors.As(out.Agent, &exit) && !errors.Is(out.Agent, backends.ErrDetached) && !errors.Is(out.Agent, context.Canceled) {
		p.warn("agent: %v", out.Agent)
	}
	if out.Unchanged {
		p.notify("nothing has changed since %s@%d", b.Slug, out.Snapshot.Number)
		p.resumeHint(b)
		return
	}
	if out.Snapshot != nil {
		text := sizeAndTime(*out.Snapshot) // the agent has ended
		if out.Kept {
			text = cost(*out.Snapshot)
		}
		p.committed(be, b, *out.Snapshot, text)
		return
	}
	switch {
	case out.Removed:
		p.notify("bottle %s is removed", b.Slug)
	case out.Session:
		p.notify("detached; the agent goes on in %s. come back with: %s", b.Slug, resume)
		p.notify("stop it with: %s stop %s", p.Invocation, b.Slug)
	case errors.Is(out.Agent, backends.ErrDetached):
		p.notify("detached; the agent goes on in %s. stop it with: %s stop %s", b.Slug, p.Invocation, b.Slug)
	case out.Rebooted:
		p.notify("another command has started bottle %s again, and it is left to that", b.Slug)
		p.resumeHint(b)
	case out.Kept:
	default:
		p.resumeHint(b)
	}
}

func (p *Program) resumeHint(b bottlestate.Bottle) {
	p.notify("resume it with: %s resume %s", p.Invocation, b.Slug)
}

// agentStatus turns what Exec returned into the exit status of this program.
func agentStatus(ctx context.Context, err error) error {
	var exit *backends.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return cli.StatusError{StatusCode: 130}
	case errors.Is(err, backends.ErrDetached):
		return nil
	case errors.As(err, &exit):
		return cli.StatusError{StatusCode: exit.Code}
	}
	return cli.StatusError{StatusCode: 1}
}

// execStatus is agentStatus for a program that may not have run at all, so
// that there is something to say besides its status.
func execStatus(ctx context.Context, err error) error {
	var exit *backends.ExitError
	switch {
	case err == nil || errors.Is(err, backends.ErrDetached):
		return nil
	case ctx.Err() == nil && errors.As(err, &exit):
		return cli.StatusError{StatusCode: exit.Code}
	}
	return err
}

// background runs the agent in the background, unless it is at work there
// already: a second one is wanted only by somebody who asks for a command.
func (p *Program) background(ctx context.Context, be backends.Backend, b bottlestate.Bottle, opts bottle.RunOptions) error {
	opts.Notify = p.notify
	if err := bottle.Spawn(ctx, be, p.Store, b, opts); err != nil {
		return err
	}
	fmt.Fprintln(p.CLI.Out(), b.Slug)
	return nil
}

func joinMounts(mounts []bottlestate.Mount) string {
	var all []string
	for _, m := range mounts {
		all = append(all, m.String())
	}
	return strings.Join(all, ", ")
}
