package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type adoptOptions struct {
	dryRun bool
	format string
}

func newAdoptCommand(p *Program) *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use:   "adopt [OPTIONS] [BOTTLE...]",
		Short: "Write lost records again, from what the engines hold",
		Long: `Find bottles and snapshots on every engine that answers, and write the records
that are missing. A record that is there is not changed; a snapshot that it
lacks is added to it. Prints the names of the bottles that something was written
of.

Without BOTTLE it is all of them. What no engine keeps, such as env and secrets,
is said.

Exit status: 0 when all that was found is recorded; 125 for wrong usage, 130
when interrupted, 1 for anything else.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAdopt(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Show what would be adopted, and write nothing")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

func runAdopt(ctx context.Context, p *Program, o *adoptOptions, names []string) error {
	wanted, err := parseSlugs(names)
	if err != nil {
		return err
	}
	a := &adopting{Program: p, o: o, wanted: wanted}
	for _, name := range p.Backends.Names() {
		if be, held, ok := a.survey(ctx, name); ok {
			a.adoptAll(ctx, be, held)
		}
	}
	for _, slug := range wanted {
		if !slices.Contains(a.found, slug) && ctx.Err() == nil {
			a.errs = append(a.errs, fmt.Errorf("no engine that answers has anything of bottle %s", slug))
		}
	}
	format := o.format
	if format == "" {
		format = "{{.Bottle}}"
	}
	return errors.Join(append(a.errs, ctx.Err(), p.table(format, false, adoptedTable, newAdoptedRow(bottle.Adopted{}), "", a.rows))...)
}

// adopting is one run of adopt.
type adopting struct {
	*Program
	o      *adoptOptions
	wanted []bottlestate.Slug // or nil for all
	found  []bottlestate.Slug
	rows   []formatter.SubContext
	errs   []error
}

func (a *adopting) wants(slug bottlestate.Slug) bool {
	return a.wanted == nil || slices.Contains(a.wanted, slug)
}

// survey asks one engine. One that does not answer is a line for the person.
func (a *adopting) survey(ctx context.Context, name string) (backends.Backend, backends.Holdings, bool) {
	var held backends.Holdings
	be, err := a.Backends.Lookup(name)
	if err == nil {
		held, err = be.Survey(ctx)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, backends.ErrNotInstalled) { // most machines have but one
		a.notify("%s: %v", name, err)
	}
	return be, held, err == nil
}

func (a *adopting) adoptAll(ctx context.Context, be backends.Backend, held backends.Holdings) {
	for _, d := range held.Doubtful {
		if a.wants(d.Slug) {
			a.notify("skipped %s: it %s", d.Name, d.Reason)
		}
	}
	for _, slug := range held.Slugs() {
		if !a.wants(slug) || ctx.Err() != nil {
			continue
		}
		a.found = append(a.found, slug)
		done, err := bottle.Adopt(ctx, be, a.Store, held, slug, bottle.AdoptOptions{DryRun: a.o.dryRun, Notify: a.notify})
		var elsewhere *bottle.ElsewhereError
		var corrupt *bottlestate.CorruptError
		switch {
		case errors.As(err, &elsewhere) && a.wanted == nil:
			a.notify("%v", err) // it may well be the same engine, by another address
		case errors.As(err, &corrupt) && !errors.Is(err, bottlestate.ErrNewer):
			again := fmt.Sprintf("%s && %s adopt %s", bottle.PutAside(corrupt.Path), a.Invocation, slug)
			a.errs = append(a.errs, hinted{err, "move it away, and adopt what the engine has: " + again})
		case err != nil:
			a.errs = append(a.errs, a.hint(err))
		case !done.Empty():
			a.tell(done)
			a.rows = append(a.rows, newAdoptedRow(done))
		case a.wanted != nil:
			a.notify("bottle %s is recorded, with all its snapshots", slug)
		}
	}
}

// tell says what was written, and what could not be.
func (a *adopting) tell(done bottle.Adopted) {
	verb := "adopted"
	if a.o.dryRun {
		verb = "would adopt"
	}
	if !done.New {
		what := fmt.Sprintf("%s of bottle %s, which is recorded", snapshotNames(done), done.Slug)
		if done.HeadMoved {
			what += fmt.Sprintf("; its head is %s@%d now", done.Slug, done.Head)
		}
		a.notify("%s %s", verb, what)
		return
	}
	what := fmt.Sprintf("%s with %s", done.Slug, count(len(done.Snapshots), "snapshot"))
	if done.Head > 0 {
		what += fmt.Sprintf(", head %s@%d", done.Slug, done.Head)
	}
	a.notify("%s %s", verb, what)
	a.notify("not known of %s: %s", done.Slug, strings.Join(done.Unknown, ", "))
}

func snapshotNames(done bottle.Adopted) string {
	var names []string
	for _, n := range done.Snapshots {
		names = append(names, fmt.Sprintf("%s@%d", done.Slug, n))
	}
	return strings.Join(names, ", ")
}

const adoptedTable = "table {{.Bottle}}\t{{.Backend}}\t{{.Snapshots}}\t{{.Head}}\t{{.Unknown}}"

type adoptedRow struct {
	formatter.HeaderContext
	a bottle.Adopted
}

func newAdoptedRow(a bottle.Adopted) *adoptedRow {
	row := &adoptedRow{a: a}
	row.Header = formatter.SubHeaderContext{
		"Bottle": "BOTTLE", "Backend": "BACKEND", "New": "NEW", "Snapshots": "SNAPSHOTS", "Head": "HEAD", "Unknown": "UNKNOWN",
	}
	return row
}

func (r *adoptedRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *adoptedRow) Bottle() string    { return string(r.a.Slug) }
func (r *adoptedRow) Backend() string   { return r.a.Backend }
func (r *adoptedRow) New() string       { return strconv.FormatBool(r.a.New) }
func (r *adoptedRow) Snapshots() string { return snapshotNames(r.a) }
func (r *adoptedRow) Unknown() string   { return strings.Join(r.a.Unknown, ", ") }

func (r *adoptedRow) Head() string {
	if r.a.Head == 0 {
		return ""
	}
	return strconv.Itoa(r.a.Head)
}
