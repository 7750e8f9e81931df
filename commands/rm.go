package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func newRmCommand(p *Program) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "rm [OPTIONS] BOTTLE [BOTTLE...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more bottles: container, snapshots and state",
		Args:    cli.RequiresMinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRm(cmd.Context(), p, force, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Remove running bottles too, and snapshots without asking")
	return cmd
}

func runRm(ctx context.Context, p *Program, force bool, names []string) error {
	return p.each(ctx, names, func(name string) error {
		be, b, err := p.open(name)
		if err != nil {
			return err
		}
		if !force {
			if err := p.confirmRemove(ctx, b.Slug); err != nil {
				return err
			}
		}
		return bottle.Remove(ctx, be, p.Store, b.Slug, force, p.notify)
	})
}

// errKept is the person's own "no" to a removal.
var errKept = errors.New("kept")

func (p *Program) confirmRemove(ctx context.Context, slug bottlestate.Slug) error {
	snaps, bad, err := p.Store.Snapshots(slug)
	if err != nil {
		return err
	}
	count := len(snaps) + len(bad)
	switch {
	case count == 0:
		return nil
	case !p.interactive():
		return usage("bottle %s has %s: no terminal to ask on, use --force to remove them", slug, snapshotCount(count))
	}
	yes, err := p.confirm(ctx, fmt.Sprintf("remove %s and its %s?", slug, snapshotCount(count)))
	if err == nil && !yes {
		return fmt.Errorf("bottle %s: %w", slug, errKept)
	}
	return err
}

func snapshotCount(n int) string {
	if n == 1 {
		return "1 snapshot"
	}
	return fmt.Sprintf("%d snapshots", n)
}
