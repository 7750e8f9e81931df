package commands

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func newLogCommand(p *Program) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:   "log [OPTIONS] BOTTLE",
		Short: "List a bottle's snapshots, newest first",
		Args:  cli.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLog(cmd.Context(), p, &o, args[0])
		},
		ValidArgsFunction: p.completeBottles(1),
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print references only")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

// runLog asks no engine: what is recorded can be read with all of them down.
func runLog(_ context.Context, p *Program, o *lsOptions, name string) error {
	slug, err := bottlestate.ParseSlug(name)
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
	for _, err := range bad {
		p.notify("%v", err)
	}
	head, _ := p.Store.Head(slug) // none is none marked
	rows := make([]formatter.SubContext, 0, len(snaps))
	for i := len(snaps) - 1; i >= 0; i-- {
		row := newSnapshotRow(snaps[i], slug)
		row.head = snaps[i].Number == head.Number
		rows = append(rows, row)
	}
	err = p.table(o.format, o.quiet, snapshotTable, newSnapshotRow(bottlestate.Snapshot{}, slug), "{{.Reference}}", rows)
	if err == nil && !o.quiet && len(snaps) > 0 && len(snaps[len(snaps)-1].NotCaptured) > 0 {
		p.notify("not in the snapshots: %s", joinMounts(snaps[len(snaps)-1].NotCaptured))
	}
	return err
}

const snapshotTable = "table {{.Snapshot}}\t{{.Head}}\t{{.Age}}\t{{.Size}}\t{{.Message}}\t{{.Parent}}\t{{.Reference}}"

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
func (r *snapshotRow) Size() string        { return units.HumanSizeWithPrecision(float64(r.s.Size), 3) }
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
