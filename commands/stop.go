package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
)

func newStopCommand(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:   "stop [BOTTLE...]",
		Short: "Stop one or more bottles and keep everything",
		Long: `Stop one or more bottles and keep everything.

Without BOTTLE it is the running one; of several you are asked for one.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStop(cmd.Context(), p, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
}

func runStop(ctx context.Context, p *Program, names []string) error {
	names, err := p.namedOrChosen(ctx, names, choice{verb: "stop", running: true, only: true})
	if err != nil {
		return err
	}
	return p.each(ctx, names, func(name string) (bool, error) {
		be, b, err := p.open(name)
		if err != nil {
			return false, err
		}
		return true, bottle.Stop(ctx, be, p.Store, b.Slug, p.notify)
	})
}
