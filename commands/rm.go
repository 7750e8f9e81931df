package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func newRmCommand(p *Program) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "rm [OPTIONS] [BOTTLE...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more bottles: container, snapshots and state",
		Long: `Remove one or more bottles: container, snapshots and state.

Without BOTTLE you are asked for one.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRm(cmd.Context(), p, force, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Remove running bottles too, and snapshots without asking")
	return cmd
}

func runRm(ctx context.Context, p *Program, force bool, names []string) error {
	names, err := p.namedOrChosen(ctx, names, choice{verb: "rm"})
	if err != nil {
		return err
	}
	return p.each(ctx, names, func(name string) (bool, error) {
		be, b, err := p.open(name)
		if err != nil {
			return false, err
		}
		if !force {
			// Remove finds out, too, but after the question.
			if err := bottle.CheckNotRunning(ctx, be, b); err != nil {
				return false, err
			}
			if yes, err := p.confirmRemove(ctx, b.Slug); err != nil || !yes {
				return false, err
			}
		}
		return true, bottle.Remove(ctx, be, p.Store, b.Slug, force, p.notify)
	})
}

// confirmRemove asks before snapshots go; "no" is not an error.
func (p *Program) confirmRemove(ctx context.Context, slug bottlestate.Slug) (bool, error) {
	snaps, bad, err := p.Store.Snapshots(slug)
	if err != nil {
		return false, err
	}
	if len(snaps)+len(bad) == 0 {
		return true, nil
	}
	what := count(len(snaps)+len(bad), "snapshot")
	if !p.interactive() {
		return false, usage("bottle %s has %s: no terminal to ask on, use --force to remove them", slug, what)
	}
	yes, err := p.confirm(ctx, fmt.Sprintf("remove %s and its %s?", slug, what))
	if err == nil && !yes {
		p.notify("kept %s", slug)
	}
	return yes, err
}
