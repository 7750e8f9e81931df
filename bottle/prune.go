package bottle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// PruneRule says which snapshots are old: those that are not among the newest
// Keep of their bottle and were made before Before. A zero Before is no limit.
type PruneRule struct {
	Keep   int
	Before time.Time
}

// Pruning is the snapshots of one engine that a rule lets go.
type Pruning struct {
	Bottles []PrunedBottle
	// Bad is why bottles whose records cannot be read are left alone.
	Bad    []error
	ledger ledger
}

// PrunedBottle is the snapshots of one bottle that are to go, oldest first.
type PrunedBottle struct {
	Slug      bottlestate.Slug
	Snapshots []bottlestate.Snapshot
}

// PlanPrune finds what can go, of bottles that are all on the engine behind be,
// and changes nothing. Nothing is let go that is the head, the newest snapshot
// of a preserved bottle, or what a container, running or stopped, was made
// from. A removal that was not finished is.
func PlanPrune(ctx context.Context, be backends.Measurer, store bottlestate.Store, bottles []bottlestate.Bottle, rule PruneRule) (Pruning, error) {
	var p Pruning
	var all []bottlestate.Snapshot
	for _, b := range bottles {
		snaps, err := old(store, b.Slug, rule)
		if err != nil {
			p.Bad = append(p.Bad, fmt.Errorf("bottle %s is left alone: %w", b.Slug, err))
			continue
		}
		all = append(all, snaps...)
		p.Bottles = append(p.Bottles, PrunedBottle{b.Slug, snaps})
	}
	usage, err := be.Usage(ctx, all)
	if err != nil {
		return Pruning{}, err
	}
	p.ledger = newLedger(usage)
	for i := range p.Bottles {
		b := &p.Bottles[i]
		b.Snapshots = slices.DeleteFunc(b.Snapshots, func(snap bottlestate.Snapshot) bool { return p.ledger.uses[snap.Reference] > 0 })
	}
	p.Bottles = slices.DeleteFunc(p.Bottles, func(b PrunedBottle) bool { return len(b.Snapshots) == 0 })
	return p, nil
}

// old returns the snapshots that the rule lets go, and those that a prune has
// begun to remove.
func old(store bottlestate.Store, slug bottlestate.Slug, rule PruneRule) ([]bottlestate.Snapshot, error) {
	going, err := store.Retired(slug)
	if err != nil {
		return nil, err
	}
	snaps, _, err := store.Snapshots(slug)
	if err != nil {
		return nil, err
	}
	kept, err := protected(store, slug, snaps)
	if err != nil {
		return nil, err
	}
	for _, snap := range snaps[:max(len(snaps)-rule.Keep, 0)] {
		early := rule.Before.IsZero() || snap.Created.Before(rule.Before)
		if early && !kept[snap.Number] {
			going = append(going, snap)
		}
	}
	return going, nil
}

// protected returns the numbers of the snapshots that no rule lets go.
func protected(store bottlestate.Store, slug bottlestate.Slug, snaps []bottlestate.Snapshot) (map[int]bool, error) {
	head, err := headNumber(store, slug)
	if err != nil {
		return nil, err
	}
	preserved, err := store.Preserved(slug)
	if err != nil {
		return nil, err
	}
	kept := map[int]bool{head: true}
	if preserved && len(snaps) > 0 {
		kept[snaps[len(snaps)-1].Number] = true
	}
	return kept, nil
}

// Snapshots returns all that are to go.
func (p Pruning) Snapshots() []bottlestate.Snapshot {
	var snaps []bottlestate.Snapshot
	for _, b := range p.Bottles {
		snaps = append(snaps, b.Snapshots...)
	}
	return snaps
}

// Freed returns what is freed when these go.
func (p Pruning) Freed(snaps []bottlestate.Snapshot) int64 {
	var going []backends.Holder
	for _, snap := range snaps {
		going = append(going, p.ledger.snapshots[snap.Reference]...)
	}
	_, freed := p.ledger.weigh(going)
	return freed
}

// Prune removes the snapshots that were planned for one bottle, and returns
// those that it has removed, also with an error. One that has become the head
// since, or the newest of a preserved bottle, stays. The engine refuses to
// remove what a container was made from since, where it matters to it.
//
// The record goes before the artifact: a crash in between leaves an artifact
// that nothing points to, never a snapshot that cannot be booted. So that it
// is not lost from sight either, the record is not deleted but put aside until
// the artifact is gone; the next prune, or rm, takes up from there.
func Prune(ctx context.Context, be backends.Backend, store bottlestate.Store, planned PrunedBottle, notify Notify) (removed []bottlestate.Snapshot, err error) {
	_, unlock, err := openLocked(ctx, be, store, planned.Slug, notify)
	if err != nil {
		return nil, err
	}
	defer unlock()
	snaps, _, err := store.Snapshots(planned.Slug)
	if err != nil {
		return nil, err
	}
	kept, err := protected(store, planned.Slug, snaps)
	if err != nil {
		return nil, err
	}
	for _, snap := range planned.Snapshots {
		if kept[snap.Number] {
			continue
		}
		switch err := retire(ctx, be, store, planned.Slug, snap); {
		case errors.Is(err, bottlestate.ErrNotFound): // somebody else has removed it
		case err != nil:
			return removed, fmt.Errorf("prune %s@%d: %w", planned.Slug, snap.Number, err)
		default:
			removed = append(removed, snap)
		}
	}
	return removed, nil
}

// retire removes one snapshot. After an error it is as it was, or it is gone;
// if even that cannot be found out, the next prune will.
func retire(ctx context.Context, be backends.Artifacts, store bottlestate.Store, slug bottlestate.Slug, snap bottlestate.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.Retire(slug, snap.Number); err != nil {
		return err
	}
	if err := be.RemoveArtifact(ctx, snap); err != nil {
		exists, existsErr := be.ArtifactExists(context.WithoutCancel(ctx), snap)
		switch {
		case existsErr != nil:
			return err
		case exists:
			return errors.Join(err, store.Unretire(slug, snap.Number))
		}
	}
	return store.Forget(slug, snap.Number)
}
