package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type doctorOptions struct {
	fix    bool
	format string
}

func newDoctorCommand(p *Program) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [OPTIONS] [BOTTLE...]",
		Short: "Find what is wrong with records and engines, and what mends it",
		Long: `Compare the records with what the engines hold, and print what is wrong, with the
command that mends it where there is one. Without BOTTLE it is everything.

--fix frees bottles that a killed commit has left paused, and removes what killed
commands have left behind. It removes no snapshot and no record.

Exit status: 0 when nothing is wrong, or nothing any more; 125 for wrong usage,
130 when interrupted, 1 for anything else.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDoctor(cmd.Context(), p, &o, args)
		},
		ValidArgsFunction: p.completeBottles(0),
	}
	cmd.Flags().BoolVar(&o.fix, "fix", false, "Put right what can be without losing anything")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	return cmd
}

func runDoctor(ctx context.Context, p *Program, o *doctorOptions, names []string) error {
	only, err := parseSlugs(names)
	if err != nil {
		return err
	}
	report, err := bottle.Doctor(ctx, p.Backends, p.Store, bottle.DoctorOptions{Only: only, Fix: o.fix, Notify: p.notify})
	if err != nil {
		return err
	}
	var errs []error
	for _, elsewhere := range report.Elsewhere {
		if only != nil {
			errs = append(errs, p.hint(elsewhere))
			continue
		}
		p.notify("not looked at: the bottles of %s, as %s. use: %s bottle doctor", elsewhere.Where, elsewhere.Slug, elsewhere.Command)
	}
	for _, slug := range report.Unknown {
		errs = append(errs, p.unknown(slug))
	}
	wrong := 0
	rows := make([]formatter.SubContext, 0, len(report.Findings))
	for _, f := range report.Findings {
		if !f.Fixed {
			wrong++
		}
		rows = append(rows, newFindingRow(f, p.Invocation))
	}
	format := o.format
	if format == "" {
		format = findingLines
	}
	if err := p.table(format, false, findingTable, newFindingRow(bottle.Finding{}, ""), "", rows); err != nil {
		return err
	}
	switch {
	case len(errs) > 0:
		return errors.Join(errs...)
	case wrong > 0:
		return cli.StatusError{StatusCode: 1}
	}
	p.notify("nothing is wrong: %s, %s", count(report.Bottles, "bottle"), count(report.Snapshots, "snapshot"))
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// parseSlugs returns nil for no names.
func parseSlugs(names []string) (slugs []bottlestate.Slug, err error) {
	for _, name := range names {
		slug, err := parseSlug(name)
		if err != nil {
			return nil, err
		}
		slugs = append(slugs, slug)
	}
	return slugs, nil
}

// Problem and command are as long as they have to be, which a table is not for.
const (
	findingLines = `{{if .Fixed}}fixed: {{end}}{{.Problem}}{{if .Mend}}\n  mend it with: {{.Mend}}{{end}}`
	findingTable = "table {{.Kind}}\t{{.Bottle}}\t{{.Backend}}\t{{.Problem}}\t{{.Mend}}"
)

type findingRow struct {
	formatter.HeaderContext
	f          bottle.Finding
	invocation string
}

func newFindingRow(f bottle.Finding, invocation string) *findingRow {
	row := &findingRow{f: f, invocation: invocation}
	row.Header = formatter.SubHeaderContext{
		"Kind": "KIND", "Bottle": "BOTTLE", "Backend": "BACKEND", "Problem": "PROBLEM", "Mend": "MEND", "Fixed": "FIXED",
	}
	return row
}

func (r *findingRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *findingRow) Kind() string    { return string(r.f.Kind) }
func (r *findingRow) Bottle() string  { return string(r.f.Slug) }
func (r *findingRow) Backend() string { return r.f.Backend }
func (r *findingRow) Problem() string { return r.f.Text }

// Fixed is "true", or empty so that a template can ask.
func (r *findingRow) Fixed() string {
	if !r.f.Fixed {
		return ""
	}
	return strconv.FormatBool(true)
}

// Mend is the command that mends what is still wrong.
func (r *findingRow) Mend() string {
	if r.f.Fixed {
		return ""
	}
	var commands []string
	if r.f.Command != "" {
		commands = append(commands, r.f.Command)
	}
	if r.f.Verb != "" {
		commands = append(commands, r.invocation+" "+r.f.Verb)
	}
	return strings.Join(commands, " && ")
}
