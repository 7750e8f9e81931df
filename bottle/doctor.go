package bottle

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/tempdir"
)

// Finding is something that is wrong.
type Finding struct {
	Kind Kind
	// Backend and Slug say where, and may be empty.
	Backend string
	Slug    bottlestate.Slug
	Text    string
	// Command mends it, ready to paste; Verb is what a command of ours has to
	// be told for that, after Command if there is one. Both can be empty.
	Command, Verb string
	// Fixed is set if it was put right.
	Fixed bool

	fix func(context.Context) error // loses nothing; nil if there is no such thing
}

// Kind is what sort of thing is wrong.
type Kind string

// These are the kinds of findings.
const (
	Unavailable Kind = "unavailable" // an engine that does not answer, or is too old
	Unreadable  Kind = "unreadable"  // a record
	Missing     Kind = "missing"     // an artifact, or a record that another needs
	Unrecorded  Kind = "unrecorded"  // what an engine holds and no record points to
	Paused      Kind = "paused"      // a bottle, by a commit that was killed
	Temporary   Kind = "temporary"   // what a run left behind that was killed
)

// DoctorOptions are the choices of one examination.
type DoctorOptions struct {
	// Only are the bottles to look at, or nil for everything.
	Only []bottlestate.Slug
	// Fix puts right what can be without losing anything.
	Fix    bool
	Notify Notify
}

// Report is what an examination has found.
type Report struct {
	Findings []Finding
	// Bottles and Snapshots are how many records were compared.
	Bottles, Snapshots int
	// Elsewhere are bottles of engines that were not asked: those of Only, or
	// one of each engine.
	Elsewhere []*WrongEngineError
	// Unknown are those of Only that there is nothing of.
	Unknown []bottlestate.Slug
}

// Doctor compares the records with what the engines hold. An engine that does
// not answer is a finding. What seems wrong with a bottle is looked at again
// with its lock held: while another command works on it, half of that work is
// no finding. It takes each engine a few calls, however much there is.
func Doctor(ctx context.Context, registry backends.Registry, store bottlestate.Store, opts DoctorOptions) (Report, error) {
	d := &doctor{registry: registry, store: store, opts: opts}
	report, err := d.examine(ctx)
	if err != nil {
		return report, err
	}
	unlock, locked, err := d.lockSuspects(ctx, report.Findings)
	defer unlock()
	if err != nil {
		return report, err
	}
	if len(locked) > 0 {
		again, err := d.examine(ctx)
		if err != nil {
			return report, err
		}
		report.Findings = again.Findings
	}
	report.Findings = slices.DeleteFunc(report.Findings, func(f Finding) bool { return f.Slug != "" && !locked[f.Slug] })
	if opts.Only == nil {
		temporary, err := temporaryDirs(ctx)
		if err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, temporary...)
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return cmp.Compare(a.Slug, b.Slug) })
	if opts.Fix {
		d.fix(ctx, report.Findings)
	}
	return report, ctx.Err()
}

type doctor struct {
	registry backends.Registry
	store    bottlestate.Store
	opts     DoctorOptions
}

// lockSuspects takes the locks of the bottles that something seems to be wrong
// with. One that is held belongs to a command that is at work.
func (d *doctor) lockSuspects(ctx context.Context, findings []Finding) (unlock func(), locked map[bottlestate.Slug]bool, err error) {
	var unlocks []func()
	unlock = func() {
		for _, f := range unlocks {
			f()
		}
	}
	locked = map[bottlestate.Slug]bool{}
	for _, f := range findings {
		if _, seen := locked[f.Slug]; seen || f.Slug == "" {
			continue
		}
		release, ok, err := d.store.TryLock(ctx, f.Slug)
		if err != nil {
			return unlock, locked, err
		}
		locked[f.Slug] = ok
		if ok {
			unlocks = append(unlocks, release)
		} else {
			d.opts.Notify.Say("another docker bottle command works on %s, which is not looked at", f.Slug)
		}
	}
	return unlock, locked, nil
}

// examine looks at everything once.
func (d *doctor) examine(ctx context.Context) (report Report, err error) {
	records, err := readRecords(d.store)
	if err != nil {
		return report, err
	}
	e := &examination{store: d.store, records: records, held: map[bottlestate.Slug]backends.Holdings{}}
	for _, name := range d.engines(records) {
		if err := d.ask(ctx, e, name); err != nil {
			return report, err
		}
	}
	if err := e.compareStore(); err != nil {
		return report, err
	}
	wanted := func(slug bottlestate.Slug) bool { return d.opts.Only == nil || slices.Contains(d.opts.Only, slug) }
	for _, slug := range e.compared {
		if wanted(slug) {
			report.Bottles++
			report.Snapshots += len(records[slug].snaps)
		}
	}
	report.Findings = slices.DeleteFunc(e.findings, func(f Finding) bool { return !wanted(f.Slug) && f.Slug != "" })
	report.Elsewhere = e.elsewhere(d.registry, d.opts.Only)
	report.Unknown = e.unknown(d.opts.Only)
	return report, nil
}

// engines are the backends of this program, and those that a record names.
func (d *doctor) engines(records map[bottlestate.Slug]*recorded) []string {
	names := d.registry.Names()
	for _, r := range records {
		if r.err == nil {
			names = append(names, r.bottle.Backend)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ask compares the records with one engine. One that is not on this machine,
// and is not missed, is none.
func (d *doctor) ask(ctx context.Context, e *examination, name string) error {
	var held backends.Holdings
	be, err := d.registry.Lookup(name)
	if err == nil {
		held, err = be.Survey(ctx)
	}
	missed := slices.ContainsFunc(e.slugs(), func(slug bottlestate.Slug) bool { return e.records[slug].bottle.Backend == name })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, backends.ErrNotInstalled) && !missed:
	case err != nil:
		e.find(Finding{Kind: Unavailable, Backend: name, Text: name + ": " + err.Error()})
	default:
		e.compare(be, held)
	}
	return nil
}

// temporaryDirs are what runs that have ended have left in the directory for
// temporary files.
func temporaryDirs(ctx context.Context) (findings []Finding, err error) {
	paths, err := tempdir.Abandoned(ctx)
	for _, path := range paths {
		findings = append(findings, leftover("", path))
	}
	return findings, err
}

func leftover(slug bottlestate.Slug, path string) Finding {
	return Finding{
		Kind: Temporary, Slug: slug, Text: path + " was left by a command that was killed", Verb: "doctor --fix",
		fix: func(context.Context) error { return os.RemoveAll(path) },
	}
}

// fix puts right what can be. The locks of the bottles are held.
func (d *doctor) fix(ctx context.Context, findings []Finding) {
	for i, f := range findings {
		if f.fix == nil || ctx.Err() != nil {
			continue
		}
		if err := f.fix(ctx); err != nil {
			d.opts.Notify.Say("%s: %v", f.Text, err)
			continue
		}
		findings[i].Fixed = true
	}
}
