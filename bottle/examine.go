package bottle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// recorded is everything that is recorded of one bottle, and what of it cannot be
// read.
type recorded struct {
	bottle  bottlestate.Bottle
	err     error // of bottle.json
	snaps   []bottlestate.Snapshot
	bad     []error
	head    int // as it was set, or 0
	headErr error
}

func readRecords(store bottlestate.Store) (map[bottlestate.Slug]*recorded, error) {
	slugs, err := store.Slugs()
	if err != nil {
		return nil, err
	}
	records := map[bottlestate.Slug]*recorded{}
	for _, slug := range slugs {
		r := &recorded{}
		r.bottle, r.err = store.Bottle(slug)
		if r.snaps, r.bad, err = store.Snapshots(slug); err != nil {
			r.bad = append(r.bad, err)
		}
		if _, err := store.Retired(slug); err != nil { // in the way of rm and prune
			r.bad = append(r.bad, err)
		}
		r.head, _, r.headErr = store.HeadNumber(slug)
		records[slug] = r
	}
	return records, nil
}

// examination compares records with what engines hold. It changes neither.
type examination struct {
	store    bottlestate.Store
	records  map[bottlestate.Slug]*recorded
	compared []bottlestate.Slug
	// held is what the engines hold of each bottle that would be adopted.
	held     map[bottlestate.Slug]backends.Holdings
	findings []Finding
}

func (e *examination) find(f Finding) { e.findings = append(e.findings, f) }

func (e *examination) slugs() []bottlestate.Slug { return slices.Sorted(maps.Keys(e.records)) }

// compare compares the records of the engine's bottles with what it holds.
func (e *examination) compare(be backends.Backend, all backends.Holdings) {
	for _, slug := range e.slugs() {
		if r := e.records[slug]; r.err == nil && belongs(be, r.bottle) {
			e.compared = append(e.compared, slug)
			e.missing(be, slug, r, all)
			e.unrecorded(be, slug, r, all)
		}
	}
	known := all.Slugs()
	for _, slug := range known {
		e.lost(be, slug, all.Of(slug))
	}
	for _, c := range all.Caches {
		if e.records[c.Slug] == nil && !slices.Contains(known, c.Slug) {
			e.find(Finding{Kind: Unrecorded, Backend: be.Name(), Slug: c.Slug, Text: c.Name + " was made for bottle " + string(c.Slug) + ", which there is not", Command: c.Remove})
		}
	}
	for _, d := range all.Doubtful {
		if d.Ours && !e.explained(be, d) {
			e.find(Finding{Kind: Unrecorded, Backend: be.Name(), Slug: d.Slug, Text: d.Name + " " + d.Reason, Command: d.Mend})
		}
	}
	for _, b := range all.Bottles {
		if b.Paused {
			e.find(Finding{
				Kind: Paused, Backend: be.Name(), Slug: b.Slug, Text: fmt.Sprintf("bottle %s is paused, and nothing is being committed", b.Slug), Verb: "doctor --fix",
				fix: func(ctx context.Context) error { return be.Start(ctx, bottlestate.Bottle{Slug: b.Slug}) },
			})
		}
	}
	for _, t := range all.Temporary {
		e.find(Finding{
			Kind: Temporary, Backend: be.Name(), Slug: t.Slug, Text: t.Name + " was left by a command that was killed", Verb: "doctor --fix",
			fix: func(ctx context.Context) error { return be.RemoveTemporary(ctx, t) },
		})
	}
}

// missing finds the snapshots whose artifacts are not there.
func (e *examination) missing(be backends.Backend, slug bottlestate.Slug, r *recorded, all backends.Holdings) {
	digests := map[string]string{}
	for _, held := range all.Snapshots {
		digests[held.Reference] = held.Digest
	}
	for _, d := range all.Doubtful {
		digests[d.Name] = d.Digest
	}
	for _, snap := range r.snaps {
		digest, there := digests[snap.Reference]
		f := Finding{Kind: Missing, Backend: be.Name(), Slug: slug}
		switch {
		case there && (digest == "" || snap.Digest == "" || digest == snap.Digest):
			continue
		case there:
			f.Text = fmt.Sprintf("snapshot %s@%d is gone: %s is another one than was recorded", slug, snap.Number, snap.Reference)
		default:
			f.Text = fmt.Sprintf("snapshot %s@%d is gone: there is no %s", slug, snap.Number, snap.Reference)
			f.Command = e.bringBack(slug, r, snap, all)
		}
		e.find(f)
	}
}

// bringBack is the command that gives a snapshot its artifact back, which may
// only have lost its name. Where that is not so, and the next resume does not
// need the snapshot, it is the one that forgets it.
func (e *examination) bringBack(slug bottlestate.Slug, r *recorded, snap bottlestate.Snapshot, all backends.Holdings) string {
	for _, d := range all.Doubtful {
		if d.Digest != "" && d.Digest == snap.Digest && d.Mend != "" {
			return d.Mend
		}
	}
	head, err := e.store.Head(slug)
	if err != nil || head.Number == snap.Number {
		return ""
	}
	return shellescape.QuoteCommand([]string{"rm", filepath.Join(e.store.Dir(slug), "snapshots", strconv.Itoa(snap.Number)+".json")})
}

// unrecorded finds the artifacts that the record of their bottle lacks.
func (e *examination) unrecorded(be backends.Backend, slug bottlestate.Slug, r *recorded, all backends.Holdings) {
	held := all.Of(slug)
	e.held[slug] = held
	for _, snap := range held.Snapshots {
		if _, err := e.store.Snapshot(slug, snap.Number); errors.Is(err, bottlestate.ErrNotFound) {
			e.find(Finding{
				Kind: Unrecorded, Backend: be.Name(), Slug: slug, Verb: "adopt " + string(slug),
				Text: fmt.Sprintf("%s is snapshot %s@%d, which is not recorded", snap.Reference, slug, snap.Number),
			})
		}
	}
}

// lost finds a bottle that has no record.
func (e *examination) lost(be backends.Backend, slug bottlestate.Slug, held backends.Holdings) {
	r := e.records[slug]
	if r != nil && r.err == nil {
		return
	}
	e.held[slug] = held
	if r != nil && !errors.Is(r.err, bottlestate.ErrNotFound) {
		return // see compareStore
	}
	var what []string
	for range held.Bottles {
		what = append(what, backends.Name(slug))
	}
	for _, snap := range held.Snapshots {
		what = append(what, snap.Reference)
	}
	e.find(Finding{
		Kind: Unrecorded, Backend: be.Name(), Slug: slug, Verb: "adopt " + string(slug),
		Text: fmt.Sprintf("bottle %s is not recorded, and there is %s", slug, strings.Join(what, ", ")),
	})
}

// explained reports whether something doubtful is what a record points to, or
// what has been found to be missing, or another engine's business.
func (e *examination) explained(be backends.Backend, d backends.Doubtful) bool {
	r := e.records[d.Slug]
	if r == nil || r.err != nil {
		return false
	}
	if !belongs(be, r.bottle) {
		return true
	}
	return slices.ContainsFunc(r.snaps, func(snap bottlestate.Snapshot) bool {
		return snap.Reference == d.Name || d.Digest != "" && snap.Digest == d.Digest && snap.Number == d.Number
	})
}

// compareStore finds what is wrong with the records themselves.
func (e *examination) compareStore() error {
	for _, slug := range e.slugs() {
		r, held := e.records[slug], e.held[slug]
		switch {
		case errors.Is(r.err, bottlestate.ErrNotFound):
			if _, found := e.held[slug]; !found && len(r.snaps) > 0 {
				e.find(Finding{Kind: Missing, Slug: slug, Text: fmt.Sprintf("%s is gone, and there are snapshots", filepath.Join(e.store.Dir(slug), "bottle.json"))})
			}
		case r.err != nil:
			e.unreadable(slug, r.err, len(held.Bottles)+len(held.Snapshots) > 0)
		}
		for _, err := range r.bad {
			e.unreadable(slug, err, slices.ContainsFunc(held.Snapshots, func(snap backends.HeldSnapshot) bool {
				var corrupt *bottlestate.CorruptError
				return errors.As(err, &corrupt) && filepath.Base(corrupt.Path) == strconv.Itoa(snap.Number)+".json"
			}))
		}
		e.checkHead(slug, r, held)
	}
	left, err := e.store.Leftovers()
	for _, l := range left {
		e.find(leftover(l.Slug, l.Path))
	}
	return err
}

// unreadable enters a record that cannot be read. It can be put aside if the
// engine has what it takes to write it again, or has nothing that a snapshot's
// record could lead to.
func (e *examination) unreadable(slug bottlestate.Slug, err error, again bool) {
	f := Finding{Kind: Unreadable, Slug: slug, Text: err.Error()}
	var corrupt *bottlestate.CorruptError
	if errors.As(err, &corrupt) && !errors.Is(err, bottlestate.ErrNewer) && (again || slices.Contains(e.compared, slug)) {
		f.Command = PutAside(corrupt.Path)
		if again {
			f.Verb = "adopt " + string(slug)
		}
	}
	e.find(f)
}

func (e *examination) checkHead(slug bottlestate.Slug, r *recorded, held backends.Holdings) {
	var corrupt *bottlestate.CorruptError
	switch {
	case errors.As(r.headErr, &corrupt):
		// Without it, the newest snapshot is the head.
		e.find(Finding{Kind: Unreadable, Slug: slug, Text: r.headErr.Error(), Command: PutAside(corrupt.Path)})
	case r.headErr != nil:
		e.find(Finding{Kind: Unreadable, Slug: slug, Text: r.headErr.Error()})
	case r.head > 0 && len(r.bad) == 0:
		has := func(number int) bool { return number == r.head }
		if slices.ContainsFunc(r.snaps, func(snap bottlestate.Snapshot) bool { return has(snap.Number) }) ||
			slices.ContainsFunc(held.Snapshots, func(snap backends.HeldSnapshot) bool { return has(snap.Number) }) {
			return
		}
		f := Finding{Kind: Missing, Slug: slug, Text: fmt.Sprintf("snapshot %s@%d, the head, is not recorded", slug, r.head)}
		if len(r.snaps) > 0 {
			f.Command = PutAside(filepath.Join(e.store.Dir(slug), "head"))
		}
		e.find(f)
	}
}

// PutAside is the command that moves a record out of the way, and keeps it.
func PutAside(path string) string {
	return shellescape.QuoteCommand([]string{"mv", path, path + ".bad"})
}

// unknown returns those of the bottles that neither a record nor an engine has
// anything of. One that could not be asked may have.
func (e *examination) unknown(only []bottlestate.Slug) (slugs []bottlestate.Slug) {
	for _, slug := range only {
		r := e.records[slug]
		recorded := r != nil && !errors.Is(r.err, bottlestate.ErrNotFound)
		found := slices.ContainsFunc(e.findings, func(f Finding) bool { return f.Slug == slug || f.Kind == Unavailable })
		if !recorded && !found {
			slugs = append(slugs, slug)
		}
	}
	return slugs
}

// elsewhere returns those of the bottles that belong to an engine that could not
// be asked; of all bottles, if only is nil, one of each engine.
func (e *examination) elsewhere(registry backends.Registry, only []bottlestate.Slug) (others []*WrongEngineError) {
	seen := map[string]bool{}
	for _, slug := range e.slugs() {
		r := e.records[slug]
		passed := seen[r.bottle.Endpoint]
		if only != nil {
			passed = !slices.Contains(only, slug)
		}
		if passed || r.err != nil || slices.Contains(e.compared, slug) {
			continue
		}
		be, err := registry.Lookup(r.bottle.Backend)
		if err != nil {
			continue
		}
		var wrong *WrongEngineError
		if errors.As(CheckEngine(be, r.bottle), &wrong) {
			seen[r.bottle.Endpoint] = true
			others = append(others, wrong)
		}
	}
	return others
}
