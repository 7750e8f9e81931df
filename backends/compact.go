package backends

import (
	"context"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// compacter can be implemented by a Backend whose snapshots stand on one
// another, so that what was deleted since is still there below.
type compacter interface {
	// Whole reports whether the snapshot stands on nothing but itself.
	Whole(ctx context.Context, snap bottlestate.Snapshot) (bool, error)
	// Compact makes the artifact for one new snapshot, which holds what snap
	// does and is whole: the same tree, config and history. The bottle and
	// snap are left as they are. After an error or a cancelled ctx no artifact
	// is left. What a killed one has left behind carries [TemporaryLabel], and
	// is removed by the next.
	Compact(ctx context.Context, b bottlestate.Bottle, snap bottlestate.Snapshot, opts FreezeOptions) (Artifact, error)
}

// Whole reports whether the snapshot stands on nothing but itself, as all do
// on a backend that does not compact.
func Whole(ctx context.Context, b Backend, snap bottlestate.Snapshot) (bool, error) {
	if c, ok := b.(compacter); ok {
		return c.Whole(ctx, snap)
	}
	return true, nil
}

// Compact makes a whole snapshot of one that is not, see [Whole].
func Compact(ctx context.Context, b Backend, bottle bottlestate.Bottle, snap bottlestate.Snapshot, opts FreezeOptions) (Artifact, error) {
	return b.(compacter).Compact(ctx, bottle, snap, opts)
}
