package commands

import (
	"context"
	"encoding/json"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/inspect"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func newInspectCommand(p *Program) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] BOTTLE [BOTTLE...]",
		Short: "Show everything known about one or more bottles",
		Args:  cli.RequiresMinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd.Context(), p, format, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template, or 'json'")
	return cmd
}

// inspected is a bottle as inspect shows it.
type inspected struct {
	bottlestate.Bottle
	State     backends.State         `json:"state"`
	Head      int                    `json:"head,omitempty"`
	Preserved bool                   `json:"preserved"`
	Mounts    []bottlestate.Mount    `json:"mounts,omitempty"`
	Snapshots []bottlestate.Snapshot `json:"snapshots"`
}

func runInspect(ctx context.Context, p *Program, format string, names []string) error {
	if _, err := parseSlugs(names); err != nil {
		return err
	}
	get := func(name string) (any, []byte, error) {
		info, err := p.inspect(ctx, bottlestate.Slug(name))
		if err != nil {
			return nil, nil, p.hint(err)
		}
		raw, err := json.Marshal(info)
		return info, raw, err
	}
	return inspect.Inspect(p.CLI.Out(), names, format, get)
}

func (p *Program) inspect(ctx context.Context, slug bottlestate.Slug) (info inspected, err error) {
	if info.Bottle, err = p.record(slug); err != nil {
		return info, err
	}
	info.State = "unknown"
	be, err := p.Backends.Lookup(info.Backend)
	if err == nil {
		err = bottle.CheckEngine(be, info.Bottle)
	}
	if err == nil {
		if info.State, err = be.State(ctx, info.Bottle); err == nil && info.State != backends.Gone {
			info.Mounts, err = be.Mounts(ctx, info.Bottle)
		}
	}
	if err != nil {
		// The record is worth showing without the engine.
		info.State = "unknown"
		p.notify("%v", p.hint(err))
	}
	var bad []error
	if info.Snapshots, bad, err = p.Store.Snapshots(slug); err != nil {
		return info, err
	}
	p.unreadable(bad)
	if head, err := p.Store.Head(slug); err == nil {
		info.Head = head.Number
	}
	info.Preserved, err = p.Store.Preserved(slug)
	return info, err
}
