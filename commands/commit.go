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
	flags.BoolVar(&o.exact, "exact", false, "Take the slower way that gets every file right, where the engine has a faster one")
	flags.BoolVar(&o.force, "force", false, "Commit also if nothing has changed")
	return cmd
}

func runCommit(ctx context.Context, p *Program, o *commitOptions, args []string) error {
	args, err := p.namedOrChosen(ctx, args, choice{verb: "commit", running: true, only: true})
	if err != nil {
		return err
	}
	name := args[0]
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	line := p.progress("freezing "+name, o.quiet)
	opts := bottle.CommitOptions{
		Message: strings.ToValidUTF8(o.message, "\ufffd"), // what JSON can hold, and labels are
		NoPause: o.noPause,
		Exact:   o.exact,
		Force:   o.force,
		Confirm: p.confirmStop(line.aside, o.yes),
	}
	opts.Notify = func(format string, args ...any) { line.aside(func() { p.notify(format, args...) }) }
	snap, err := bottle.Commit(ctx, be, p.Store, b.Slug, opts)
	line.done()
	if errors.Is(err, bottle.ErrUnchanged) {
		fmt.Fprintln(p.CLI.Out(), snap.Reference)
		if !o.quiet {
			p.notify("nothing has changed since %s@%d", b.Slug, snap.Number)
		}
		return nil
	}
	if errors.Is(err, backends.ErrNotFound) {
		return hinted{fmt.Errorf("bottle %s is gone from the engine, there is nothing to commit", b.Slug), fmt.Sprintf("bring it back with: %s resume -d %s", p.Invocation, b.Slug)}
	} else if err != nil {
		return err
	}
	fmt.Fprintln(p.CLI.Out(), snap.Reference)
	if !o.quiet {
		p.committed(be, b, snap)
	}
	return nil
}

// confirmStop answers a backend that has to stop the bottle to freeze it. The
// person is asked by way of aside.
func (p *Program) confirmStop(aside func(func()), yes bool) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, question string) (ok bool, err error) {
		switch {
		case yes:
			return true, nil
		case !p.interactive():
			return false, usage("%s: there is no terminal to ask on, use --yes", strings.TrimSuffix(question, "?"))
		}
		aside(func() { ok, err = p.confirm(ctx, question) })
		return ok, err
	}
}

// committed tells what the snapshot lacks and what can be done with it.
func (p *Program) committed(be backends.Backend, b bottlestate.Bottle, snap bottlestate.Snapshot) {
	if len(snap.NotCaptured) > 0 {
		p.notify("not in the snapshot: %s", joinMounts(snap.NotCaptured))
	}
	if snap.Restarted {
		p.notify("%s was stopped for it and started again: what ran in it has ended", b.Slug)
	}
	p.notify("committed %s@%d", b.Slug, snap.Number)
	p.resumeHint(b)
	if command := backends.ExportHint(be, b, snap); command != "" {
		p.notify("export it with: %s", command)
	}
	if options := backends.MoveOptions(be, b, snap); options != nil {
		args := slices.Concat([]string{"start", "--backend", b.Backend, "--name", string(b.Slug)}, options)
		p.notify("go on with it on another machine with: docker bottle %s", shellescape.QuoteCommand(args))
	}
}
