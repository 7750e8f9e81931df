package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type pruneOptions struct {
	keep          int
	olderThan     time.Duration
	dryRun, force bool
}

// keepNewest is how many snapshots of a bottle stay if nobody says which.
const keepNewest = 10

func newPruneCommand(p *Program) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS] [BOTTLE...]",
		Short: "Remove old snapshots",
		Long: fmt.Sprintf(`Remove old snapshots, of the bottles that are named or of all, and print their
references.

--keep and --older-than say which are old; with both, those that are old by
both. With neither, the %d newest of each bottle stay. Whatever they say, these
stay: each bottle's head, the newest snapshot of a preserved bottle, and what a
container, running or stopped, was made from. What is left keeps its number and
its parent, and no number is given out again.

You are asked before anything goes; without a terminal use --force. To see what
would go, use --dry-run.

Exit status: 0 when pruned, when there was nothing to prune, or when you said
no; 125 for wrong usage, 130 when interrupted, 1 for anything else.`, keepNewest),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("keep") && !cmd.Flags().Changed("older-than") {
				o.keep = keepNewest
			}
			return runPrune(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	flags := cmd.Flags()
	flags.IntVar(&o.keep, "keep", 0, "Keep this `number` of each bottle's newest snapshots")
	flags.DurationVar(&o.olderThan, "older-than", 0, "Remove only what was committed longer ago than this, such as 720h")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be removed, and remove nothing")
	flags.BoolVarP(&o.force, "force", "f", false, "Do not ask")
	return cmd
}

func runPrune(ctx context.Context, p *Program, o *pruneOptions, names []string) error {
	if o.keep < 0 || o.olderThan < 0 {
		return usage("--keep and --older-than take nothing below 0")
	}
	plans, err := p.planPrune(ctx, o, names)
	if err != nil {
		return err
	}
	var snapshots, bottles int
	var space int64
	for _, plan := range plans {
		snapshots, bottles = snapshots+len(plan.Snapshots()), bottles+len(plan.Bottles)
		space += plan.Freed(plan.Snapshots())
	}
	what := fmt.Sprintf("%s of %s", count(snapshots, "snapshot"), count(bottles, "bottle"))
	switch {
	case o.dryRun:
		for _, plan := range plans {
			p.references(plan.Snapshots())
		}
		p.notify("Would reclaim space: %s", humanSize(space))
		return nil
	case snapshots == 0 || o.force:
	case !p.interactive():
		return usage("%s would be removed: no terminal to ask on, use --force to remove them, --dry-run to see them", what)
	default:
		yes, err := p.confirm(ctx, fmt.Sprintf("remove %s, which frees %s?", what, humanSize(space)))
		if err != nil {
			return err
		}
		if !yes {
			p.notify("nothing was removed")
			return nil
		}
	}
	return p.prune(ctx, plans)
}

// enginePruning is what is to go from one engine.
type enginePruning struct {
	engineBottles
	bottle.Pruning
}

func (p *Program) planPrune(ctx context.Context, o *pruneOptions, names []string) ([]enginePruning, error) {
	engines, _, err := p.named(names)
	if err != nil {
		return nil, err
	}
	rule := bottle.PruneRule{Keep: o.keep}
	if o.olderThan > 0 {
		rule.Before = time.Now().Add(-o.olderThan)
	}
	var plans []enginePruning
	for _, engine := range engines {
		plan, err := bottle.PlanPrune(ctx, engine, p.Store, engine.bottles, rule)
		if err != nil && len(names) > 0 {
			return nil, err
		} else if err != nil {
			p.notify("%s: %v", engine.Name(), err)
			continue
		}
		for _, err := range plan.Bad {
			p.notify("%v", p.hint(err))
		}
		plans = append(plans, enginePruning{engine, plan})
	}
	return plans, nil
}

// prune removes what was planned, and goes on with the next bottle after an
// error. What is said to be freed is what was removed.
func (p *Program) prune(ctx context.Context, plans []enginePruning) error {
	var errs []error
	var space int64
	for _, plan := range plans {
		var removed []bottlestate.Snapshot
		for _, b := range plan.Bottles {
			snaps, err := bottle.Prune(ctx, plan.Backend, p.Store, b, p.notify)
			p.references(snaps)
			removed = append(removed, snaps...)
			if err != nil {
				errs = append(errs, p.hint(err))
			}
			if ctx.Err() != nil {
				break
			}
		}
		space += plan.Freed(removed)
	}
	p.notify("Total reclaimed space: %s", humanSize(space))
	return errors.Join(errs...)
}

func (p *Program) references(snaps []bottlestate.Snapshot) {
	for _, snap := range snaps {
		fmt.Fprintln(p.CLI.Out(), snap.Reference)
	}
}
