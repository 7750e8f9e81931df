package commands

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type logOptions struct {
	quiet, noTrunc bool
	format         string
}

func newLogCommand(p *Program) *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log [OPTIONS] [BOTTLE]",
		Short: "List a bottle's snapshots, newest first",
		Long: `List a bottle's snapshots, newest first.

The head, which the next resume boots from, is marked with *. PARENT is there if
a snapshot did not grow from the one before it; one that is gone is "(pruned)".

Without BOTTLE it is the only one; of several you are asked for one.`,
		Args: cli.RequiresMaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLog(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print references only")
	cmd.Flags().BoolVar(&o.noTrunc, "no-trunc", false, "Do not cut messages to the width of the terminal")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

// runLog asks no engine for what it shows: that can be read with all of them
// down.
func runLog(ctx context.Context, p *Program, o *logOptions, args []string) error {
	args, err := p.namedOrChosen(ctx, args, choice{verb: "log", only: true})
	if err != nil {
		return err
	}
	slug, err := parseSlug(args[0])
	if err != nil {
		return err
	}
	if _, err := p.record(slug); err != nil {
		return err
	}
	snaps, bad, err := p.Store.Snapshots(slug)
	if err != nil {
		return err
	}
	p.unreadable(bad)
	head, _ := p.Store.Head(slug) // none is none marked
	if !o.quiet && isTable(o.format) {
		err = p.writeSnapshots(slug, snaps, head.Number, o.noTrunc)
	} else {
		rows := make([]formatter.SubContext, 0, len(snaps))
		for _, snap := range slices.Backward(snaps) {
			row := newSnapshotRow(snap, slug)
			row.head = snap.Number == head.Number
			rows = append(rows, row)
		}
		err = p.table(o.format, o.quiet, "", newSnapshotRow(bottlestate.Snapshot{}, slug), "{{.Reference}}", rows)
	}
	if err == nil && !o.quiet && len(snaps) > 0 && len(snaps[len(snaps)-1].NotCaptured) > 0 {
		p.notify("not in the snapshots: %s", joinMounts(snaps[len(snaps)-1].NotCaptured))
	}
	return err
}

// writeSnapshots writes the table for a person.
func (p *Program) writeSnapshots(slug bottlestate.Slug, snaps []bottlestate.Snapshot, head int, noTrunc bool) error {
	parents := parents(slug, snaps)
	cells := [][]string{snapshotCells(parents != nil, "SNAPSHOT", "AGE", "SIZE", "MESSAGE", "PARENT", "REFERENCE")}
	for i, snap := range slices.Backward(snaps) {
		row := newSnapshotRow(snap, slug)
		row.head = snap.Number == head
		name := strings.TrimRight(row.Snapshot()+" "+row.Head(), " ")
		cells = append(cells, snapshotCells(parents != nil, name, row.Age(), row.Size(), shorten(row.Message(), math.MaxInt), parents[i], row.Reference()))
	}
	onTerminal := p.CLI.Out().IsTerminal()
	if onTerminal && !noTrunc {
		width, _ := winsize(os.Stdout)
		fit(cells, 3, width)
	}
	columns(cells)
	for i, row := range cells {
		if onTerminal && !wantsPlain() && i > 0 && snaps[len(snaps)-i].Number == head {
			row[0] = paint(bold, row[0])
		}
		if _, err := fmt.Fprintln(p.CLI.Out(), strings.TrimRight(strings.Join(row, columnGap), " ")); err != nil {
			return err
		}
	}
	return nil
}

func snapshotCells(withParent bool, name, age, size, message, parent, reference string) []string {
	if withParent {
		return []string{name, age, size, message, parent, reference}
	}
	return []string{name, age, size, message, reference}
}

// parents names the snapshots' parents by their positions, or is nil if each
// grew from the one before it: then there is nothing to tell.
func parents(slug bottlestate.Slug, snaps []bottlestate.Snapshot) map[int]string {
	names := map[int]string{}
	linear, before, there := true, 0, map[int]bool{}
	for i, snap := range snaps {
		linear = linear && snap.Parent == before
		before, there[snap.Number] = snap.Number, true
		if snap.Parent == 0 {
			continue
		}
		names[i] = fmt.Sprintf("%s@%d", slug, snap.Parent)
		if !there[snap.Parent] {
			names[i] += " (pruned)"
		}
	}
	if linear {
		return nil
	}
	return names
}

type snapshotRow struct {
	formatter.HeaderContext
	s    bottlestate.Snapshot
	slug bottlestate.Slug
	head bool
}

func newSnapshotRow(s bottlestate.Snapshot, slug bottlestate.Slug) *snapshotRow {
	row := &snapshotRow{s: s, slug: slug}
	row.Header = formatter.SubHeaderContext{
		"Snapshot": "SNAPSHOT", "Number": "NUMBER", "Head": "HEAD", "Age": "AGE", "Size": "SIZE", "Message": "MESSAGE",
		"Parent": "PARENT", "Reference": "REFERENCE", "Digest": "DIGEST", "CreatedAt": "CREATED AT", "NotCaptured": "NOT CAPTURED",
	}
	return row
}

func (r *snapshotRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *snapshotRow) Snapshot() string    { return fmt.Sprintf("%s@%d", r.slug, r.s.Number) }
func (r *snapshotRow) Number() string      { return strconv.Itoa(r.s.Number) }
func (r *snapshotRow) Age() string         { return ago(r.s.Created) }
func (r *snapshotRow) Size() string        { return humanSize(r.s.Size) }
func (r *snapshotRow) Message() string     { return r.s.Message }
func (r *snapshotRow) Reference() string   { return r.s.Reference }
func (r *snapshotRow) Digest() string      { return r.s.Digest }
func (r *snapshotRow) CreatedAt() string   { return r.s.Created.Format(time.RFC3339) }
func (r *snapshotRow) NotCaptured() string { return joinMounts(r.s.NotCaptured) }

func (r *snapshotRow) Head() string {
	if r.head {
		return "*"
	}
	return ""
}

func (r *snapshotRow) Parent() string {
	if r.s.Parent == 0 {
		return ""
	}
	return fmt.Sprintf("%s@%d", r.slug, r.s.Parent)
}
