package bottle

import (
	"context"
	"errors"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// RunOptions say what happens around an attached agent.
type RunOptions struct {
	// Args takes the place of the agent's own argument list.
	Args []string
	// CommitOnExit commits when the agent has ended, before anything is
	// torn down.
	CommitOnExit bool
	// Keep leaves the bottle up when the program ends: somebody else brought
	// it up. Args run beside its agent then, and not as its agent.
	Keep bool
	// Continue runs the agent's line that goes on with its last conversation,
	// where it has one and Args do not take its place. If there is nothing to
	// continue, the agent's command is run.
	Continue bool
	// Note is said in the bottle, on a terminal, if the image has no tmux.
	Note string
	// Added is set if Env or Secrets were added to the bottle for this run.
	Added  bool
	Commit CommitOptions
	Notify Notify
}

// beside reports whether what is run is something else than the agent.
func (o RunOptions) beside() bool { return o.Keep && o.Args != nil }

// line is what is tried before the agent's command.
func (o RunOptions) line(b bottlestate.Bottle) string {
	if !o.Continue || o.Args != nil {
		return ""
	}
	return b.Continue
}

// Outcome is what became of a bottle when its agent had ended.
type Outcome struct {
	// Agent is what Exec returned: nil, an *ExitError, ErrDetached, or why
	// the agent could not be run or watched.
	Agent error
	// Snapshot is the one of CommitOnExit. With Unchanged set it was there
	// before.
	Snapshot  *bottlestate.Snapshot
	Unchanged bool
	// Removed is set when nothing is left of the bottle.
	Removed bool
	// Rebooted is set when another command has ended the agent: a commit that
	// had to restart the bottle, or a resume that went back. The bottle is
	// left as it is.
	Rebooted bool
	// Kept is set when the bottle was left up as somebody else brought it up.
	Kept bool
	// Session is set with ErrDetached when the agent's screen can be come back
	// to. Cut is set, too, when this terminal is still as that had it.
	Session, Cut bool
}

// rebooted reports whether another command has booted the bottle since boot was
// its [bottlestate.Store.Boot]: a commit that had to restart it, or a resume. One
// that is under way holds the lock.
func rebooted(ctx context.Context, store bottlestate.Store, slug bottlestate.Slug, boot string, notify Notify) (bool, error) {
	unlock, err := lock(context.WithoutCancel(ctx), store, slug, notify)
	if err != nil {
		return false, err
	}
	defer unlock()
	now, err := store.Boot(slug)
	return now != boot, err
}

// agent is the bottle's agent, or what is to be run in its place. What it gets
// of this process's environment without --secret is said.
func agent(b bottlestate.Bottle, opts RunOptions) (backends.Process, error) {
	args := opts.Args
	if args == nil {
		args = b.Argv()
	}
	if len(args) == 0 { // the record was adopted, and its image is gone
		return backends.Process{}, errors.New("the bottle's own command is not known: say what to run after --")
	}
	p, err := process(b, args)
	if names := Handed(b); err == nil && len(names) > 0 {
		opts.Notify.Say("handing the agent %s from your environment", strings.Join(names, ", "))
	}
	return p, err
}

// find finds out how the agent of a bottle is that was up already. If it has
// ended, it is to be run again, as in a bottle that was stopped.
func (o *RunOptions) find(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle) (agentState, error) {
	if !o.Keep || o.Args != nil {
		return agentEnded, nil // there is none, or something else is to be run
	}
	state, err := askAgent(ctx, be, store, b, o.Notify)
	if state == agentEnded {
		o.Notify.Say("the agent of %s has ended; starting it again", b.Slug)
		o.Keep, o.Continue = false, true
	}
	return state, err
}

// Run runs the bottle's agent attached, and stops the bottle when it ends. A
// bottle that was to go (--rm) goes, unless it is preserved. On a terminal the
// agent has a session where the image has tmux: if it goes on in that, whatever
// has become of the terminal, it is ErrDetached; and a session that there is
// already is joined. The error is that of the steps after the agent; the
// agent's own is in the Outcome.
func Run(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, stdio backends.Stdio, opts RunOptions) (Outcome, error) {
	boot, err := store.Boot(b.Slug)
	if err != nil {
		return Outcome{}, err
	}
	state, err := opts.find(ctx, be, store, b)
	if err != nil {
		return Outcome{}, err
	}
	var p backends.Process
	switch {
	case state == agentLives && !stdio.TTY:
		return Outcome{Kept: true}, &SessionError{b.Slug}
	case state == agentLives:
		p, opts.Keep = joined(b), false
		if opts.Added {
			opts.Notify.Say("the agent of %s is at work: what -e and --secret give it counts when it is started again", b.Slug)
		}
	default:
		if p, err = attached(b, stdio, opts); err != nil {
			return Outcome{}, err
		}
	}
	out := Outcome{Kept: opts.Keep}
	out.Agent = unpaused(ctx, be, store, b, opts.Notify, func() error { return be.Exec(ctx, b, p, stdio) })
	if out.Agent != nil && !errors.Is(out.Agent, backends.ErrDetached) {
		if out.Rebooted, err = rebooted(ctx, store, b.Slug, boot, opts.Notify); err != nil || out.Rebooted {
			return out, err
		}
	}
	if out.Agent != nil && stdio.TTY && !opts.beside() {
		if err := out.askSession(ctx, be, store, b, opts.Notify); err != nil {
			return out, err
		}
	}
	if errors.Is(out.Agent, backends.ErrDetached) {
		return out, nil
	}
	if _, err := store.Bottle(b.Slug); errors.Is(err, bottlestate.ErrNotFound) {
		out.Removed = true // by somebody else, while the agent ran
		return out, nil
	}
	// What was interrupted is the agent. Its work is still to be put away.
	ctx = context.WithoutCancel(ctx)
	if out.Agent != nil && !opts.Keep {
		if err := store.Preserve(b.Slug); err != nil {
			return out, err
		}
	}
	if opts.CommitOnExit {
		snap, err := Commit(ctx, be, store, b.Slug, opts.Commit)
		if errors.Is(err, ErrUnchanged) {
			out.Unchanged, err = true, nil
		}
		if err != nil && opts.Keep {
			return out, err
		} else if err != nil {
			return out, errors.Join(err, store.Preserve(b.Slug), be.Stop(ctx, b))
		}
		out.Snapshot = &snap
	}
	if opts.Keep {
		return out, nil
	}
	err = out.end(ctx, be, store, b, boot, opts.Notify)
	return out, err
}

// end stops the bottle, unless another command has booted it meanwhile. A --rm
// bottle that nobody preserved goes whole; of one that was committed only the
// container goes, and only if the agent ended well, and the snapshot is there:
// otherwise it may hold work that nothing else has.
func (out *Outcome) end(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, boot string, notify Notify) error {
	unlock, err := lock(ctx, store, b.Slug, notify)
	if err != nil {
		return err
	}
	defer unlock()
	if now, err := store.Boot(b.Slug); err != nil || now != boot {
		out.Rebooted = err == nil
		return err
	}
	if err := be.Stop(ctx, b); err != nil {
		return err
	}
	if !b.Remove {
		return nil
	}
	preserved, err := store.Preserved(b.Slug)
	if err != nil {
		return err
	}
	if !preserved {
		out.Removed = true
		return remove(ctx, be, store, b)
	}
	head, err := store.Head(b.Slug)
	if err != nil || out.Agent != nil {
		return nil
	}
	exists, err := be.ArtifactExists(ctx, head)
	switch {
	case err != nil:
		return err
	case !exists:
		notify.Say("snapshot %s@%d is gone from the engine, so the bottle is kept", b.Slug, head.Number)
		return nil
	case out.Snapshot == nil:
		notify.Say("removing the bottle (--rm); snapshot %s@%d is kept", b.Slug, head.Number)
	}
	return be.Remove(ctx, b, false)
}

// Spawn runs the bottle's agent in the background and remembers its run. The
// agent has a session, to be joined by Run, where the image has tmux. In a bottle
// that was up already there is nothing to do, unless its agent has ended.
func Spawn(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, opts RunOptions) error {
	if state, err := opts.find(ctx, be, store, b); err != nil || state != agentEnded {
		return err
	}
	p, err := agent(b, opts)
	if err != nil {
		return err
	}
	if !opts.beside() {
		p = scripted(p, spawnSession, b, "", opts.line(b))
	}
	var run string
	err = unpaused(ctx, be, store, b, opts.Notify, func() (err error) { run, err = be.Spawn(ctx, b, p); return err })
	if err != nil {
		return err
	}
	return store.SetRun(b.Slug, run)
}

// ErrNoRun is returned by Wait for a bottle without a background agent.
var ErrNoRun = errors.New("no agent was started in the background (-d)")

// Wait returns the exit status of the bottle's background agent, waiting for
// its end. One that ended badly marks the bottle preserved.
func Wait(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle) (int, error) {
	run, err := store.Run(b.Slug)
	if err != nil {
		return 0, err
	}
	if run == "" {
		return 0, ErrNoRun
	}
	status, err := be.Wait(ctx, b, run)
	if err == nil && status != 0 {
		err = store.Preserve(b.Slug)
	}
	return status, err
}

// unpaused calls f, and again if a commit has the bottle paused, as soon as that
// is over. The commit holds the bottle's lock; one that was killed does not, and
// may have left the bottle paused.
func unpaused(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, notify Notify, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, backends.ErrPaused) {
			return err
		}
		unlock, err := lock(ctx, store, b.Slug, notify)
		if err != nil {
			return err
		}
		// Another command may have stopped it by now, which is f's to say.
		state, err := be.State(ctx, b)
		if err == nil && state == backends.Running {
			err = be.Start(ctx, b)
		}
		unlock()
		if err != nil {
			return err
		}
	}
}

// Exec runs a program in a running bottle, with the bottle's env and secrets.
func Exec(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, p backends.Process, stdio backends.Stdio, notify Notify) error {
	state, err := be.State(ctx, b)
	if err != nil {
		return err
	}
	if state != backends.Running {
		return &StateError{b.Slug, state}
	}
	whole, err := process(b, p.Args)
	if err != nil {
		return err
	}
	whole.Env = append(whole.Env, p.Env...)
	whole.User = p.User
	if p.Dir != "" {
		whole.Dir = p.Dir
	}
	return unpaused(ctx, be, store, b, notify, func() error { return be.Exec(ctx, b, whole, stdio) })
}
