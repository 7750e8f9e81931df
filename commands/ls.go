package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type lsOptions struct {
	quiet, watch bool
	format       string
}

func newLsCommand(p *Program) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List bottles",
		Long: `List bottles, running or not, on every engine that answers.

STATUS says for how long a bottle has run or been stopped, where its engine
tells, and "all in @4" if the snapshot @4, its head, is known to hold all of it.
Of a bottle that runs, or was committed while it ran, that is not known.

In a template, {{.Status}} is the bare state and {{.Condition}} the text of the
table; {{.Snapshots}}, {{.Message}}, {{.Since}}, {{.Changed}}, {{.CreatedAt}}
and {{.CommittedAt}} are there, too.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLs(cmd.Context(), p, &o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print names only")
	cmd.Flags().BoolVar(&o.watch, "watch", false, "Show the list anew every two seconds, until q or Ctrl-C")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

const formatHelp = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format, one object a line
'TEMPLATE':         Print output using the given Go template`

func runLs(ctx context.Context, p *Program, o *lsOptions) error {
	if o.watch {
		return p.watchLs(ctx, o)
	}
	return p.list(ctx, o, p.CLI.Out(), p.CLI.Out().IsTerminal(), p.notify)
}

// list writes the bottles to w; onTerminal, in colour.
func (p *Program) list(ctx context.Context, o *lsOptions, w io.Writer, onTerminal bool, say bottle.Notify) error {
	rows, err := p.bottleRows(say)
	if err != nil {
		return err
	}
	if !o.quiet {
		p.fillConditions(ctx, rows, say)
		if err := p.fillSnapshots(rows, say); err != nil {
			return err
		}
		fillUnchanged(ctx, rows)
	}
	if !o.quiet && isTable(o.format) {
		return writeBottles(w, rows, onTerminal)
	}
	contexts := make([]formatter.SubContext, len(rows))
	for i, row := range rows {
		contexts[i] = row
	}
	return writeTable(w, o.format, o.quiet, "", newBottleRow(bottlestate.Bottle{}), "{{.Bottle}}", contexts)
}

// writeBottles writes the table for a person. The bottles' backends are in it
// if there are several.
func writeBottles(w io.Writer, rows []*bottleRow, onTerminal bool) error {
	several := slices.ContainsFunc(rows, func(r *bottleRow) bool { return r.b.Backend != rows[0].b.Backend })
	cells := [][]string{bottleCells(several, "BOTTLE", "AGENT", "BACKEND", "STATUS", "HEAD", "COMMITTED")}
	for _, r := range rows {
		cells = append(cells, bottleCells(several, r.Bottle(), shorten(r.Agent(), 24), r.Backend(), r.Condition(), r.headMark(), r.lastCommit()))
	}
	columns(cells)
	status := slices.Index(bottleCells(several, "", "", "", "STATUS", "", ""), "STATUS")
	for i, row := range cells {
		if onTerminal && !wantsPlain() && i > 0 {
			row[status] = paint(rows[i-1].colour(), row[status])
			row[status+1] = paint(bold, row[status+1])
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, columnGap), " ")); err != nil {
			return err
		}
	}
	return nil
}

func bottleCells(several bool, name, agent, backend string, rest ...string) []string {
	cells := []string{name, agent}
	if several {
		cells = append(cells, backend)
	}
	return append(cells, rest...)
}

// bottleRows reads the records of all bottles.
func (p *Program) bottleRows(say bottle.Notify) ([]*bottleRow, error) {
	bottles, bad, err := p.Store.Bottles()
	if err != nil {
		return nil, err
	}
	for _, err := range bad {
		say("%v", err)
	}
	rows := make([]*bottleRow, len(bottles))
	for i, b := range bottles {
		rows[i] = newBottleRow(b)
	}
	return rows, nil
}

// fillSnapshots reads the records of the bottles' snapshots.
func (p *Program) fillSnapshots(rows []*bottleRow, say bottle.Notify) error {
	for _, row := range rows {
		snaps, bad, err := p.Store.Snapshots(row.b.Slug)
		if err != nil {
			return err
		}
		for _, err := range bad {
			say("%v", err)
		}
		row.snapshots = len(snaps) + len(bad)
		if len(snaps) > 0 {
			row.last = snaps[len(snaps)-1]
		}
		if head, err := p.Store.Head(row.b.Slug); err == nil {
			row.head = head
		}
	}
	return nil
}

type bottleRow struct {
	formatter.HeaderContext
	b         bottlestate.Bottle
	engine    engineStates       // without a backend if it has not answered
	condition backends.Condition // without a state then
	unchanged bool               // whether all of it is known to be in head
	snapshots int
	// head and last are without a number if there is none.
	head, last bottlestate.Snapshot
}

func newBottleRow(b bottlestate.Bottle) *bottleRow {
	row := &bottleRow{b: b}
	row.Header = formatter.SubHeaderContext{
		"Bottle": "BOTTLE", "Agent": "AGENT", "Backend": "BACKEND", "Status": "STATUS", "Condition": "STATUS", "Since": "SINCE", "Changed": "CHANGED",
		"Snapshots": "SNAPSHOTS", "Head": "HEAD", "Committed": "COMMITTED", "CreatedAt": "CREATED AT", "CommittedAt": "COMMITTED AT", "Message": "MESSAGE",
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
func (r *bottleRow) Snapshots() string { return strconv.Itoa(r.snapshots) }
func (r *bottleRow) CreatedAt() string { return r.b.Created.Format(time.RFC3339) }
func (r *bottleRow) Message() string   { return r.last.Message }

// Status is the bottle's state, or why it is not known.
func (r *bottleRow) Status() string {
	switch {
	case r.condition.State != "":
		return string(r.condition.State)
	case r.b.Context != "":
		return "unknown (context " + r.b.Context + ")"
	}
	return "unknown"
}

// Condition is the status in the words of a person, as far as it is known:
// since when, and whether all of the bottle is in a snapshot.
func (r *bottleRow) Condition() string {
	text := r.Status()
	since := r.Since()
	switch state := r.condition.State; {
	case (state == backends.Running || state == backends.Stopped) && since != "":
		text += " " + since
	case state == backends.Gone && r.head.Number > 0:
		text += ", resume from " + r.headMark()
	case state == backends.Gone && r.snapshots == 0:
		text += ", no snapshot"
	}
	if r.unchanged {
		text += ", all in " + r.headMark()
	}
	return text
}

// Since is for how long the bottle has run, or not.
func (r *bottleRow) Since() string {
	if r.condition.Since.IsZero() {
		return ""
	}
	text := units.HumanDuration(max(time.Since(r.condition.Since), 0))
	return strings.ToLower(text[:1]) + text[1:] // "About an hour" is said to begin a text
}

// Changed is "no" if all of the bottle is known to be in its head.
func (r *bottleRow) Changed() string {
	if r.unchanged {
		return "no"
	}
	return "unknown"
}

func (r *bottleRow) colour() string {
	switch r.condition.State {
	case backends.Running:
		return green
	case backends.Stopped:
		return ""
	case backends.Gone:
		if r.head.Number == 0 {
			return red
		}
	}
	return yellow
}

func (r *bottleRow) Head() string {
	if r.head.Number == 0 {
		return ""
	}
	return strconv.Itoa(r.head.Number)
}

func (r *bottleRow) headMark() string {
	if r.head.Number == 0 {
		return ""
	}
	return "@" + r.Head()
}

func (r *bottleRow) Committed() string { return ago(r.last.Created) }

// lastCommit is Committed, which is empty for scripts, for a person.
func (r *bottleRow) lastCommit() string {
	if r.snapshots == 0 {
		return "never"
	}
	return r.Committed()
}

func (r *bottleRow) CommittedAt() string {
	if r.last.Created.IsZero() {
		return ""
	}
	return r.last.Created.Format(time.RFC3339)
}

func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return units.HumanDuration(max(time.Since(t), 0)) + " ago"
}

// table prints rows the way docker prints a list.
func (p *Program) table(format string, quiet bool, table string, header formatter.SubContext, quietFormat string, rows []formatter.SubContext) error {
	return writeTable(p.CLI.Out(), format, quiet, table, header, quietFormat, rows)
}

// isTable reports whether the format asks for the default table.
func isTable(format string) bool { return format == "" || format == formatter.TableFormatKey }

func writeTable(w io.Writer, format string, quiet bool, table string, header formatter.SubContext, quietFormat string, rows []formatter.SubContext) error {
	switch {
	case quiet:
		format = quietFormat
	case isTable(format):
		format = table
	}
	ctx := formatter.Context{Output: w, Format: formatter.Format(format)}
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
