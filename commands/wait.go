package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
)

func newWaitCommand(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:   "wait BOTTLE",
		Short: "Wait for a bottle's background agent to end, and print its exit status",
		Args:  cli.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWait(cmd.Context(), p, args[0])
		},
		ValidArgsFunction: p.completeBottles(1),
	}
}

func runWait(ctx context.Context, p *Program, name string) error {
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	status, err := bottle.Wait(ctx, be, p.Store, b)
	if errors.Is(err, backends.ErrNotFound) {
		return fmt.Errorf("bottle %s is gone from the engine, and its agent's exit status with it", b.Slug)
	} else if err != nil {
		return fmt.Errorf("bottle %s: %w", b.Slug, err)
	}
	fmt.Fprintln(p.CLI.Out(), status)
	return nil
}
