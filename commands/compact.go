package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type compactOptions struct {
	message string
	quiet   bool
}

func newCompactCommand(p *Program) *cobra.Command {
	var o compactOptions
	cmd := &cobra.Command{
		Use:   "compact [OPTIONS] BOTTLE",
		Short: "Flatten a bottle's head snapshot to a new one that needs no other",
		Long: `Make a new snapshot that holds what the bottle's head does, without what was
deleted since the first, and print its reference. It becomes the head; the
snapshots before it stay, until you remove them. A commit does this by itself
before its engine's limit is near.

The bottle is left as it is: what was changed in it since the head is not in the
new snapshot, and it goes on standing on the old ones.

Exit status: 0 when compacted, or when there was nothing to flatten; 125 for
wrong usage, 130 when interrupted, 1 for anything else. After a failure nothing
is recorded.`,
		Args: cli.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCompact(cmd.Context(), p, &o, args[0])
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.message, "message", "m", "", "Say what is in the snapshot")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Print the reference and nothing else")
	return cmd
}

func runCompact(ctx context.Context, p *Program, o *compactOptions, name string) error {
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	p.quiet = o.quiet
	ctx, line := p.progress(ctx, "compacting "+name)
	defer line.done()
	snap, err := bottle.Compact(ctx, be, p.Store, b.Slug, strings.ToValidUTF8(o.message, "\ufffd"), p.notify, p.warn)
	line.done()
	if errors.As(err, new(*bottle.SnapshotGoneError)) {
		return p.nothingToCompact(ctx, be, b, err)
	} else if err != nil && !errors.Is(err, bottle.ErrWhole) {
		return err
	}
	fmt.Fprintln(p.CLI.Out(), snap.Reference)
	switch {
	case o.quiet:
		return nil
	case err != nil:
		p.notify("snapshot %s@%d is whole: there is nothing to flatten", b.Slug, snap.Number)
		return nil
	}
	p.notify("compacted %s@%d to %s@%d: %s", b.Slug, snap.Parent, b.Slug, snap.Number, sizeAndTime(snap))
	return p.compacted(ctx, be, b, snap)
}

// nothingToCompact is the error for a head that is gone, which does not matter
// to a bottle that is still there.
func (p *Program) nothingToCompact(ctx context.Context, be backends.Backend, b bottlestate.Bottle, err error) error {
	if state, stateErr := be.State(ctx, b); stateErr != nil || state == backends.Gone {
		return err
	}
	return hinted{err, fmt.Sprintf("commit what the bottle holds with: %s commit %s", p.Invocation, b.Slug)}
}

// compacted says what that means for the bottle.
func (p *Program) compacted(ctx context.Context, be backends.Backend, b bottlestate.Bottle, snap bottlestate.Snapshot) error {
	state, err := be.State(ctx, b)
	switch {
	case err != nil:
		return err
	case state == backends.Gone:
		p.resumeHint(b)
		return nil
	}
	p.notify("bottle %s is as it was, and still stands on the old layers", b.Slug)
	p.notify("boot it from the new snapshot with: %s resume --at %d %s", p.Invocation, snap.Number, b.Slug)
	return nil
}
