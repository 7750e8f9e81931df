package bottle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// ErrWhole is returned when the head stands on nothing but itself, so that
// there is nothing to flatten.
var ErrWhole = errors.New("nothing to flatten")

// NoSnapshotError is returned for a bottle that has no head.
type NoSnapshotError struct{ Slug bottlestate.Slug }

func (e *NoSnapshotError) Error() string { return fmt.Sprintf("bottle %s has no snapshot", e.Slug) }

// Compact makes a new snapshot that holds what the head does and is whole, and
// makes it the head. The bottle itself is left as it is. With ErrWhole comes
// the head. Warn is told what went wrong although the snapshot is good.
func Compact(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, message string, notify, warn Notify) (bottlestate.Snapshot, error) {
	b, unlock, err := openLocked(ctx, be, store, slug, notify)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	defer unlock()
	began := time.Now()
	head, err := store.Head(slug)
	if errors.Is(err, bottlestate.ErrNotFound) {
		return head, &NoSnapshotError{slug}
	} else if err != nil {
		return head, err
	}
	if exists, err := be.ArtifactExists(ctx, head); err != nil {
		return head, err
	} else if !exists {
		return head, &SnapshotGoneError{Slug: slug, Snapshot: &head}
	}
	if whole, err := backends.Whole(ctx, be, head); err != nil {
		return head, err
	} else if whole {
		return head, ErrWhole
	}
	if message == "" {
		message = fmt.Sprintf("%s@%d, compacted", slug, head.Number)
	}
	number, art, err := numbered(store, slug, warn, func(number int) (backends.Artifact, error) {
		return backends.Compact(ctx, be, b, head, backends.FreezeOptions{
			Number:  number,
			Parent:  head.Number,
			Message: message,
			Notify:  notify,
			Warn:    warn,
		})
	})
	if err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("compact %s: %w", slug, err)
	}
	return record(store, b, art, bottlestate.Snapshot{Number: number, Parent: head.Number, Message: message, Compacted: true, Took: time.Since(began)})
}
