package commands

import (
	"context"
	"strconv"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type lsOptions struct {
	quiet  bool
	format string
}

func newLsCommand(p *Program) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List bottles",
		Args:    cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLs(cmd.Context(), p, &o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print names only")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

const formatHelp = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format, one object a line
'TEMPLATE':         Print output using the given Go template`

func runLs(ctx context.Context, p *Program, o *lsOptions) error {
	bottles, bad, err := p.Store.Bottles()
	if err != nil {
		return err
	}
	for _, err := range bad {
		p.notify("%v", err)
	}
	var states map[string]map[bottlestate.Slug]backends.State
	if !o.quiet {
		states = p.states(ctx, bottles)
	}
	rows := make([]formatter.SubContext, 0, len(bottles))
	for _, b := range bottles {
		row := newBottleRow(b)
		if !o.quiet {
			row.status = status(states, b)
			if err := p.fillSnapshots(row); err != nil {
				return err
			}
		}
		rows = append(rows, row)
	}
	return p.table(o.format, o.quiet, bottleTable, newBottleRow(bottlestate.Bottle{}), "{{.Bottle}}", rows)
}

const bottleTable = "table {{.Bottle}}\t{{.Agent}}\t{{.Backend}}\t{{.Status}}\t{{.Snapshots}}\t{{.Head}}\t{{.Committed}}"

// status is the bottle's state, or why it is not known.
func status(states map[string]map[bottlestate.Slug]backends.State, b bottlestate.Bottle) string {
	engine, ok := states[engineKey(b)]
	if !ok {
		if b.Context != "" {
			return "unknown (context " + b.Context + ")"
		}
		return "unknown"
	}
	if state, ok := engine[b.Slug]; ok {
		return string(state)
	}
	return string(backends.Gone)
}

func (p *Program) fillSnapshots(row *bottleRow) error {
	snaps, bad, err := p.Store.Snapshots(row.b.Slug)
	if err != nil {
		return err
	}
	for _, err := range bad {
		p.notify("%v", err)
	}
	row.snapshots = len(snaps) + len(bad)
	if len(snaps) > 0 {
		row.committed = snaps[len(snaps)-1].Created
	}
	if head, err := p.Store.Head(row.b.Slug); err == nil {
		row.head = head.Number
	}
	return nil
}

type bottleRow struct {
	formatter.HeaderContext
	b         bottlestate.Bottle
	status    string
	snapshots int
	head      int
	committed time.Time
}

func newBottleRow(b bottlestate.Bottle) *bottleRow {
	row := &bottleRow{b: b}
	row.Header = formatter.SubHeaderContext{
		"Bottle": "BOTTLE", "Agent": "AGENT", "Backend": "BACKEND", "Status": "STATUS",
		"Snapshots": "SNAPSHOTS", "Head": "HEAD", "Committed": "COMMITTED", "CreatedAt": "CREATED AT", "CommittedAt": "COMMITTED AT",
	}
	return row
}

func (r *bottleRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *bottleRow) Bottle() string { return string(r.b.Slug) }

func (r *bottleRow) Agent() string {
	if r.b.Image != "" {
		return r.b.Image
	}
	return r.b.Agent
}

func (r *bottleRow) Backend() string   { return r.b.Backend }
func (r *bottleRow) Status() string    { return r.status }
func (r *bottleRow) Snapshots() string { return strconv.Itoa(r.snapshots) }
func (r *bottleRow) CreatedAt() string { return r.b.Created.Format(time.RFC3339) }

func (r *bottleRow) Head() string {
	if r.head == 0 {
		return ""
	}
	return strconv.Itoa(r.head)
}

func (r *bottleRow) Committed() string { return ago(r.committed) }

func (r *bottleRow) CommittedAt() string {
	if r.committed.IsZero() {
		return ""
	}
	return r.committed.Format(time.RFC3339)
}

func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return units.HumanDuration(max(time.Since(t), 0)) + " ago"
}

// table prints rows the way docker prints a list.
func (p *Program) table(format string, quiet bool, table string, header formatter.SubContext, quietFormat string, rows []formatter.SubContext) error {
	switch {
	case quiet:
		format = quietFormat
	case format == "" || format == formatter.TableFormatKey:
		format = table
	}
	ctx := formatter.Context{Output: p.CLI.Out(), Format: formatter.Format(format)}
	if format == formatter.JSONFormatKey {
		ctx.Format = formatter.JSONFormat
	}
	return ctx.Write(header, func(print func(formatter.SubContext) error) error {
		for _, row := range rows {
			if err := print(row); err != nil {
				return err
			}
		}
		return nil
	})
}
