package commands

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type dfOptions struct {
	verbose bool
	format  string
}

func newDfCommand(p *Program) *cobra.Command {
	var o dfOptions
	cmd := &cobra.Command{
		Use:   "df [OPTIONS] [BOTTLE...]",
		Short: "Show the disk space of bottles, and what removing them would free",
		Long: `Show the disk space that bottles take, and what removing them would free.

SIZE is what a bottle's snapshots, its container and the image it was built into
take together. RECLAIMABLE is what "rm" would free of that: a layer that another
bottle, image or container on the engine has too is not freed. So the TOTAL, the
last row, can be less than the sum of the sizes, and more than the sum of what
each bottle alone would free. What the builder keeps in its cache stays there
until "docker builder prune", and volumes are not counted.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDf(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "Show each snapshot")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

func runDf(ctx context.Context, p *Program, o *dfOptions, names []string) error {
	engines, others, err := p.named(names)
	if err != nil {
		return err
	}
	rows := map[bottlestate.Slug]*spaceRow{}
	var order []bottlestate.Bottle
	total := newSpaceRow("TOTAL")
	total.known = true
	for _, engine := range engines {
		order = append(order, engine.bottles...)
		each, all, err := bottle.MeasureSpace(ctx, engine, p.Store, engine.bottles)
		if err != nil && len(names) > 0 {
			return err
		} else if err != nil {
			p.notify("%s: %v", engine.Name(), err)
			continue
		}
		for _, s := range each {
			p.unreadable(s.Bad)
			rows[s.Slug] = newSpaceRow(string(s.Slug))
			rows[s.Slug].Space, rows[s.Slug].known = s, true
		}
		total.add(all)
	}
	if o.verbose {
		return p.snapshotSpace(o, order, rows)
	}
	table := make([]formatter.SubContext, 0, len(rows)+1)
	for _, b := range append(order, others...) {
		row, ok := rows[b.Slug]
		if !ok {
			row = newSpaceRow(string(b.Slug))
		}
		table = append(table, row)
	}
	return p.table(o.format, false, spaceTable, newSpaceRow(""), "", append(table, total))
}

const spaceTable = "table {{.Bottle}}\t{{.Snapshots}}\t{{.Size}}\t{{.Reclaimable}}"

type spaceRow struct {
	formatter.HeaderContext
	bottle.Space
	name  string
	known bool // whether the engine was asked
}

func newSpaceRow(name string) *spaceRow {
	row := &spaceRow{name: name}
	row.Header = formatter.SubHeaderContext{
		"Bottle": "BOTTLE", "Snapshots": "SNAPSHOTS", "Size": "SIZE", "Reclaimable": "RECLAIMABLE",
		"SizeBytes": "SIZE (BYTES)", "ReclaimableBytes": "RECLAIMABLE (BYTES)",
	}
	return row
}

func (r *spaceRow) add(s bottle.Space) {
	r.Space.Snapshots = append(r.Space.Snapshots, s.Snapshots...)
	r.Space.Size += s.Size
	r.Space.Reclaimable += s.Reclaimable
}

func (r *spaceRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *spaceRow) Bottle() string          { return r.name }
func (r *spaceRow) SizeBytes() int64        { return r.Space.Size }
func (r *spaceRow) ReclaimableBytes() int64 { return r.Space.Reclaimable }

func (r *spaceRow) Snapshots() string {
	if !r.known {
		return unknownSpace
	}
	return strconv.Itoa(len(r.Space.Snapshots))
}

func (r *spaceRow) Size() string {
	if !r.known {
		return unknownSpace
	}
	return humanSize(r.Space.Size)
}

// Reclaimable has a percentage, as docker system df has.
func (r *spaceRow) Reclaimable() string {
	switch {
	case !r.known:
		return unknownSpace
	case r.Space.Size == 0:
		return humanSize(r.Space.Reclaimable)
	}
	return fmt.Sprintf("%s (%d%%)", humanSize(r.Space.Reclaimable), r.Space.Reclaimable*100/r.Space.Size)
}

const unknownSpace = "unknown"

func humanSize(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// snapshotSpace prints a row for each snapshot, newest first like log.
func (p *Program) snapshotSpace(o *dfOptions, order []bottlestate.Bottle, rows map[bottlestate.Slug]*spaceRow) error {
	var table []formatter.SubContext
	for _, b := range order {
		row, ok := rows[b.Slug]
		if !ok {
			continue
		}
		for i := len(row.Space.Snapshots) - 1; i >= 0; i-- {
			table = append(table, newSnapshotSpaceRow(row.Space.Snapshots[i], b.Slug))
		}
	}
	return p.table(o.format, false, snapshotSpaceTable, newSnapshotSpaceRow(bottle.SnapshotSpace{}, ""), "", table)
}

const snapshotSpaceTable = "table {{.Snapshot}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}"

type snapshotSpaceRow struct {
	formatter.HeaderContext
	s    bottle.SnapshotSpace
	slug bottlestate.Slug
}

func newSnapshotSpaceRow(s bottle.SnapshotSpace, slug bottlestate.Slug) *snapshotSpaceRow {
	row := &snapshotSpaceRow{s: s, slug: slug}
	row.Header = formatter.SubHeaderContext{
		"Snapshot": "SNAPSHOT", "Created": "CREATED", "CreatedAt": "CREATED AT", "Size": "SIZE", "SharedSize": "SHARED SIZE",
		"UniqueSize": "UNIQUE SIZE", "Containers": "CONTAINERS", "Reference": "REFERENCE",
		"SizeBytes": "SIZE (BYTES)", "UniqueBytes": "UNIQUE (BYTES)",
	}
	return row
}

func (r *snapshotSpaceRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *snapshotSpaceRow) Snapshot() string   { return fmt.Sprintf("%s@%d", r.slug, r.s.Number) }
func (r *snapshotSpaceRow) Created() string    { return ago(r.s.Snapshot.Created) }
func (r *snapshotSpaceRow) CreatedAt() string  { return r.s.Snapshot.Created.Format(time.RFC3339) }
func (r *snapshotSpaceRow) SharedSize() string { return humanSize(r.s.Size - r.s.Unique) }
func (r *snapshotSpaceRow) UniqueSize() string { return humanSize(r.s.Unique) }
func (r *snapshotSpaceRow) Containers() string { return strconv.Itoa(r.s.Containers) }
func (r *snapshotSpaceRow) Reference() string  { return r.s.Snapshot.Reference }
func (r *snapshotSpaceRow) SizeBytes() int64   { return r.s.Size }
func (r *snapshotSpaceRow) UniqueBytes() int64 { return r.s.Unique }

func (r *snapshotSpaceRow) Size() string {
	if r.s.Gone {
		return "gone"
	}
	return humanSize(r.s.Size)
}
