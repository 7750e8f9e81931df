package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type commitOptions struct {
	message                    string
	yes, quiet, noPause, exact bool
	force                      bool
}

func newCommitCommand(p *Program) *cobra.Command {
	var o commitOptions
	cmd := &cobra.Command{
		Use:   "commit [OPTIONS] [BOTTLE]",
		Short: "Freeze a bottle to a snapshot, while its agent goes on working",
		Long: `Freeze a bottle to a new snapshot and print the snapshot's reference.

Without BOTTLE it is the running one; of several you are asked for one. If
nothing has changed since the head snapshot there is no new one: the reference
is that of the head.

Exit status: 0 when committed, when there was nothing to, or when you said no; 125 for wrong usage, 130
when interrupted, 1 for anything else. After a failure nothing is recorded.`,
		Args: cli.RequiresMaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCommit(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.message, "message", "m", "", "Say what is in the snapshot")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Stop the bottle without asking, where its engine cannot freeze a running one")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Print the reference and nothing else")
	flags.BoolVar(&o.noPause, "no-pause", false, "Do not pause the bottle while it is frozen")
	flags.BoolVar(&o.exact, "exact", false, "Take the slower way that gets every regular file right, where the engine has a faster one")
	flags.BoolVar(&o.force, "force", false, "Commit also if nothing has changed")
	return cmd
}

func runCommit(ctx context.Context, p *Program, o *commitOptions, args []string) error {
	p.quiet = o.quiet
	args, err := p.namedOrChosen(ctx, args, choice{verb: "commit", running: true, only: true})
	if err != nil {
		return err
	}
	name := args[0]
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	ctx, line := p.progress(ctx, "freezing "+name)
	defer line.done()
	opts := bottle.CommitOptions{
		Message: strings.ToValidUTF8(o.message, "\ufffd"), // what JSON can hold, and labels are
		NoPause: o.noPause,
		Exact:   o.exact,
		Force:   o.force,
		Confirm: p.confirmStop(o.yes),
		Notify:  p.notify,
		Warn:    p.warn,
	}
	snap, err := bottle.Commit(ctx, be, p.Store, b.Slug, opts)
	line.done()
	if errors.Is(err, bottle.ErrUnchanged) {
		fmt.Fprintln(p.CLI.Out(), snap.Reference)
		p.notify("nothing has changed since %s@%d", b.Slug, snap.Number)
		return nil
	}
	if errors.Is(err, backends.ErrNotFound) {
		return hinted{fmt.Errorf("bottle %s is gone from the engine, there is nothing to commit", b.Slug), fmt.Sprintf("bring it back with: %s resume -d %s", p.Invocation, b.Slug)}
	} else if err != nil {
		return err
	}
	fmt.Fprintln(p.CLI.Out(), snap.Reference)
	p.committed(be, b, snap, cost(snap))
	return nil
}

// confirmStop answers a backend that has to stop the bottle to freeze it.
func (p *Program) confirmStop(yes bool) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, question string) (ok bool, err error) {
		switch {
		case yes:
			return true, nil
		case !p.interactive():
			return false, usage("%s: there is no terminal to ask on, use --yes", strings.TrimSuffix(question, "?"))
		}
		p.line.aside(func() { ok, err = p.confirm(ctx, question) })
		return ok, err
	}
}

// committed tells what the snapshot lacks and has cost, and what can be done
// with it.
func (p *Program) committed(be backends.Backend, b bottlestate.Bottle, snap bottlestate.Snapshot, cost string) {
	if len(snap.NotCaptured) > 0 {
		p.notify("not in the snapshot: %s", joinMounts(snap.NotCaptured))
	}
	p.notify("committed %s@%d: %s", b.Slug, snap.Number, cost)
	p.resumeHint(b)
	if command := backends.ExportHint(be, b, snap); command != "" {
		p.notify("export it with: %s", command)
	}
	if options := backends.MoveOptions(be, b, snap); options != nil {
		args := slices.Concat([]string{"start", "--backend", b.Backend, "--name", string(b.Slug)}, options)
		p.notify("go on with it on another machine with: docker bottle %s", shellescape.QuoteCommand(args))
	}
}

// sizeAndTime is 1.98MB in 0.9s.
func sizeAndTime(snap bottlestate.Snapshot) string {
	return humanSize(snap.Size) + " in " + seconds(snap.Took)
}

// cost is what a commit was for a running agent, too.
func cost(snap bottlestate.Snapshot) string {
	text := sizeAndTime(snap)
	switch {
	case snap.Stopped:
		return text
	case snap.Restarted:
		return text + ", the bottle was stopped for it and started again " + seconds(snap.Still) + " later: what ran in it has ended"
	case snap.Still > 0:
		return text + ", the agent stood still for " + seconds(snap.Still)
	}
	return text + ", the agent did not stop"
}
