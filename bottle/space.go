package bottle

import (
	"context"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Space is the disk space of one bottle, or of several.
type Space struct {
	Slug      bottlestate.Slug
	Snapshots []SnapshotSpace
	// Size is what the snapshots, the container and the built image take, each
	// part counted once.
	Size int64
	// Reclaimable is what removing all of that would free: not what something
	// else on the engine holds as well.
	Reclaimable int64
	// Bad are the errors of records that cannot be read. What their snapshots
	// hold counts as a stranger's.
	Bad []error
}

// SnapshotSpace is the disk space of one snapshot.
type SnapshotSpace struct {
	bottlestate.Snapshot
	// Gone is set for one that the engine does not have.
	Gone bool
	// Size is what it takes to boot from it, Unique the part of that which
	// nothing else holds: what removing this snapshot alone would free.
	Size, Unique int64
	// Containers is how many, running or not, were made from it.
	Containers int
}

// MeasureSpace returns the disk space of bottles that are all on the engine
// behind be, one by one in their order, and all together: what two of them
// share is freed only if both go.
func MeasureSpace(ctx context.Context, be backends.Measurer, store bottlestate.Store, bottles []bottlestate.Bottle) (each []Space, all Space, err error) {
	var snaps []bottlestate.Snapshot
	for _, b := range bottles {
		s := Space{Slug: b.Slug}
		recorded, bad, err := store.Snapshots(b.Slug)
		if err != nil {
			return nil, all, err
		}
		s.Bad = bad
		for _, snap := range recorded {
			s.Snapshots = append(s.Snapshots, SnapshotSpace{Snapshot: snap})
		}
		snaps = append(snaps, recorded...)
		each = append(each, s)
	}
	usage, err := be.Usage(ctx, snaps)
	if err != nil {
		return nil, all, err
	}
	l := newLedger(usage)
	var everything []backends.Holder
	for i := range each {
		s := &each[i]
		mine := l.bottles[s.Slug]
		for j := range s.Snapshots {
			snap := &s.Snapshots[j]
			held := l.snapshots[snap.Reference]
			snap.Gone = len(held) == 0
			snap.Size, snap.Unique = l.weigh(held)
			snap.Containers = l.uses[snap.Reference]
			mine = append(mine, held...)
		}
		s.Size, s.Reclaimable = l.weigh(mine)
		everything = append(everything, mine...)
		all.Snapshots = append(all.Snapshots, s.Snapshots...)
	}
	all.Size, all.Reclaimable = l.weigh(everything)
	return each, all, nil
}

// ledger is a usage by those who hold it.
type ledger struct {
	parts     map[string]int64
	holders   map[string]int // of each part
	snapshots map[string][]backends.Holder
	bottles   map[bottlestate.Slug][]backends.Holder
	uses      map[string]int // of each snapshot
}

func newLedger(u backends.Usage) ledger {
	l := ledger{u.Parts, map[string]int{}, map[string][]backends.Holder{}, map[bottlestate.Slug][]backends.Holder{}, map[string]int{}}
	for _, h := range u.Holders {
		for _, part := range h.Parts {
			l.holders[part]++
		}
		switch {
		case h.Snapshot != "":
			l.snapshots[h.Snapshot] = append(l.snapshots[h.Snapshot], h)
		case h.Bottle != "":
			l.bottles[h.Bottle] = append(l.bottles[h.Bottle], h)
		}
		if h.Uses != "" {
			l.uses[h.Uses]++
		}
	}
	return l
}

// weigh returns what these hold, and what is freed when all of them go.
func (l ledger) weigh(going []backends.Holder) (size, freed int64) {
	held := map[string]int{}
	for _, h := range going {
		for _, part := range h.Parts {
			held[part]++
		}
	}
	for part, n := range held {
		size += l.parts[part]
		if n == l.holders[part] {
			freed += l.parts[part]
		}
	}
	return size, freed
}
