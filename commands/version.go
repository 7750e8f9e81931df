package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
)

func newVersionCommand(p *Program) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show the version of the plugin, and of each engine that answers",
		Args:  cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runVersion(cmd.Context(), p, format)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&format, "format", "", "'json' prints an object")
	return cmd
}

func runVersion(ctx context.Context, p *Program, format string) error {
	if format != "" && format != formatter.JSONFormatKey {
		return usage("--format takes json")
	}
	versions := map[string]string{"docker-bottle": p.Version}
	for _, name := range p.Backends.Names() {
		var version string
		be, err := p.Backends.Lookup(name)
		if err == nil {
			version, err = be.Version(ctx)
		}
		switch {
		case err == nil:
			versions[name] = version
		case !errors.Is(err, backends.ErrNotInstalled): // most machines have but one
			p.notify("%s: %v", name, err)
		}
	}
	if format != "" {
		return json.NewEncoder(p.CLI.Out()).Encode(versions)
	}
	fmt.Fprintf(p.CLI.Out(), "docker-bottle %s\n", p.Version)
	for _, name := range p.Backends.Names() {
		if version, ok := versions[name]; ok {
			fmt.Fprintf(p.CLI.Out(), "%s %s\n", name, version)
		}
	}
	return nil
}
