package bottle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// AdoptOptions are the choices of one adoption.
type AdoptOptions struct {
	// DryRun writes nothing.
	DryRun bool
	Notify Notify
}

// Adopted is what Adopt has written, or, in a dry run, would have.
type Adopted struct {
	Slug    bottlestate.Slug
	Backend string
	// New is set if the bottle itself was not recorded.
	New bool
	// Snapshots are those that were not recorded, oldest first.
	Snapshots []int
	// Head is the head after it, or 0; HeadMoved is set if that was another one.
	Head      int
	HeadMoved bool
	// Unknown is what belongs into the record and the engine does not know.
	Unknown []string
}

// Empty reports whether there was nothing to write.
func (a Adopted) Empty() bool { return !a.New && len(a.Snapshots) == 0 }

// ElsewhereError is returned for a bottle of which the engine holds something
// while its record says that it belongs to another one.
type ElsewhereError struct {
	Slug bottlestate.Slug
	// Where is what the record names.
	Where string
}

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("bottle %s is recorded as one of %s: what this engine has of that name is left alone", e.Slug, e.Where)
}

// Adopt writes the record of a bottle again, from what a survey of the engine
// has found of it. What is recorded is not changed: a bottle.json that is there,
// readable or not, and a snapshot's record stay as they are. A snapshot that is
// missing in a record is added to it: that is what a commit leaves that was cut
// off before it could record, and without it nothing would lead to its work.
// The snapshots are written before the bottle, so that an adoption that is cut
// off can be done again.
func Adopt(ctx context.Context, be backends.Backend, store bottlestate.Store, held backends.Holdings, slug bottlestate.Slug, opts AdoptOptions) (Adopted, error) {
	if !opts.DryRun { // reading takes no lock
		unlock, err := lock(ctx, store, slug, opts.Notify)
		if err != nil {
			return Adopted{}, err
		}
		defer unlock()
	}
	a := &adoption{be: be, store: store, held: held.Of(slug), result: Adopted{Slug: slug, Backend: be.Name()}}
	if err := a.read(ctx, opts.Notify); err != nil || a.result.Empty() {
		return a.result, err
	}
	if err := a.findHead(opts.Notify); err != nil {
		return a.result, err
	}
	if opts.DryRun {
		return a.result, nil
	}
	return a.result, a.write()
}

// belongs reports whether the bottle is one of this backend's engine.
func belongs(be backends.Backend, b bottlestate.Bottle) bool {
	return b.Backend == be.Name() && CheckEngine(be, b) == nil
}

// adoption is one adoption of one bottle.
type adoption struct {
	be     backends.Backend
	store  bottlestate.Store
	held   backends.Holdings // of this bottle alone
	bottle bottlestate.Bottle
	// snaps are all that there will be, oldest first; added those of them that
	// are not recorded.
	snaps, added []bottlestate.Snapshot
	// booted is when the bottle's container was made, if it is there.
	booted time.Time
	result Adopted
}

// read finds out what is recorded, and what the engine knows besides.
func (a *adoption) read(ctx context.Context, notify Notify) error {
	slug := a.result.Slug
	b, err := a.store.Bottle(slug)
	missing := errors.Is(err, bottlestate.ErrNotFound)
	if err != nil && !missing {
		return err
	}
	if !missing && !belongs(a.be, b) {
		where := b.Backend
		if b.Backend == a.be.Name() {
			where, _ = backends.Reach(a.be, b.Context, b.Endpoint)
		}
		return &ElsewhereError{slug, where}
	}
	a.bottle = b
	recorded, bad, err := a.store.Snapshots(slug)
	if err != nil {
		return err
	}
	for _, err := range bad {
		notify.Say("%v", err)
	}
	if err := a.recallSnapshots(ctx); err != nil || !missing && len(a.added) == 0 {
		return err
	}
	a.snaps = append(recorded, a.added...)
	slices.SortFunc(a.snaps, func(a, b bottlestate.Snapshot) int { return cmp.Compare(a.Number, b.Number) })
	if err := a.recallBottle(ctx, missing); err != nil {
		return err
	}
	for _, snap := range a.added {
		a.result.Snapshots = append(a.result.Snapshots, snap.Number)
	}
	return nil
}

func (a *adoption) recallSnapshots(ctx context.Context) error {
	for _, held := range a.held.Snapshots {
		if _, err := a.store.Snapshot(held.Slug, held.Number); !errors.Is(err, bottlestate.ErrNotFound) {
			continue // recorded, or a record that cannot be read and has been named
		}
		snap, err := a.be.RecallSnapshot(ctx, held)
		if errors.Is(err, backends.ErrNotFound) {
			continue // removed since the survey, as by a commit that failed
		} else if err != nil {
			return fmt.Errorf("snapshot %s@%d: %w", held.Slug, held.Number, err)
		}
		a.added = append(a.added, snap)
	}
	return nil
}

// recallBottle fills in the bottle, if that is not recorded, and what its
// container tells of the snapshots.
func (a *adoption) recallBottle(ctx context.Context, missing bool) error {
	var newest *bottlestate.Snapshot
	if n := len(a.held.Snapshots); n > 0 {
		for i := range a.snaps {
			if a.snaps[i].Number == a.held.Snapshots[n-1].Number {
				newest = &a.snaps[i]
			}
		}
	}
	b, unknown, err := a.be.RecallBottle(ctx, a.result.Slug, newest)
	if errors.Is(err, backends.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("bottle %s: %w", a.result.Slug, err)
	}
	if len(a.held.Bottles) > 0 {
		a.booted = b.Created
	}
	if !slices.Contains(unknown, backends.Volumes) {
		// A bottle is mounted alike at every boot.
		mounts, err := a.be.Mounts(ctx, b)
		if err != nil && !errors.Is(err, backends.ErrNotFound) {
			return err
		}
		for i := range a.added {
			a.added[i].NotCaptured = mounts
		}
	}
	if !missing {
		return nil
	}
	if len(a.snaps) > 0 && a.snaps[0].Created.Before(b.Created) {
		b.Created = a.snaps[0].Created
	}
	b.Created = b.Created.UTC().Truncate(time.Second)
	a.bottle, a.result.New, a.result.Unknown = b, true, notKept(b, unknown, newest != nil)
	return nil
}

// notKept adds what no engine keeps to what this one does not know.
func notKept(b bottlestate.Bottle, unknown []string, frozen bool) []string {
	all := append([]string{"agent or image", "env", "secrets", "workspace"}, unknown...)
	switch {
	case len(b.Argv()) == 0:
		all = append(all, "command")
	case !frozen:
		all = append(all, "command other than the image's")
	}
	return all
}

func (a *adoption) write() error {
	slug := a.result.Slug
	for _, snap := range a.added {
		if err := a.store.AddSnapshot(slug, snap); err != nil {
			return err
		}
	}
	if err := a.store.ReserveTo(slug, a.held.Newest()); err != nil {
		return err
	}
	if a.result.HeadMoved {
		if err := a.store.SetHead(slug, a.result.Head); err != nil {
			return err
		}
	}
	if len(a.added) > 0 { // a commit has made them
		if err := a.store.Preserve(slug); err != nil {
			return err
		}
	}
	if !a.result.New {
		return nil
	}
	return a.store.Restore(a.bottle)
}
