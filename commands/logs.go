package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
)

func newLogsCommand(p *Program) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs [OPTIONS] BOTTLE",
		Short: "Show the output of a bottle's background agent",
		Args:  cli.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogs(cmd.Context(), p, args[0], follow)
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "Go on with what is written from now on")
	return cmd
}

func runLogs(ctx context.Context, p *Program, name string, follow bool) error {
	be, b, err := p.open(name)
	if err != nil {
		return err
	}
	err = be.Logs(ctx, b, follow, p.CLI.Out(), p.CLI.Err())
	if errors.Is(err, backends.ErrNotFound) {
		return fmt.Errorf("bottle %s is gone from the engine, and its output with it", b.Slug)
	}
	return err
}
