package bottle

import (
	"context"
	"fmt"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// CommitOptions are the choices of one commit.
type CommitOptions struct {
	Message string
	NoPause bool
	// Exact is handed to the backend, see [backends.FreezeOptions].
	Exact bool
	// Confirm is handed to the backend, see [backends.FreezeOptions].
	Confirm func(ctx context.Context, question string) (bool, error)
	Notify  Notify
}

// RecordError is returned when a freeze went well and its record could not be
// written: the artifact exists, and nothing points to it.
type RecordError struct {
	Reference string
	Err       error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("the snapshot is safe as %s, but could not be recorded: %v", e.Reference, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// Commit freezes the bottle, records the snapshot, and marks the bottle
// preserved, in that order: a crash may leave an artifact that nothing points
// to, never a pointer to an artifact that does not exist. Nothing is done
// after a step that failed.
func Commit(ctx context.Context, f backends.Freezer, store bottlestate.Store, slug bottlestate.Slug, opts CommitOptions) (bottlestate.Snapshot, error) {
	unlock, err := lock(ctx, store, slug, opts.Notify)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	defer unlock()
	b, err := store.Bottle(slug)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	parent, err := headNumber(store, slug)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	number, err := store.Reserve(slug)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	art, err := f.Freeze(ctx, b, backends.FreezeOptions{
		Number:  number,
		Parent:  parent,
		Message: opts.Message,
		NoPause: opts.NoPause,
		Exact:   opts.Exact,
		Confirm: opts.Confirm,
		Notify:  opts.Notify,
	})
	if err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("commit %s: %w", slug, err)
	}
	snap := bottlestate.Snapshot{
		Number:        number,
		Reference:     art.Reference,
		Digest:        art.Digest,
		Backend:       b.Backend,
		Parent:        parent,
		Message:       opts.Message,
		Created:       art.Created,
		Size:          art.Size,
		NotCaptured:   art.NotCaptured,
		Stopped:       art.Stopped,
		Restarted:     art.Restarted,
		EngineVersion: art.EngineVersion,
		Architecture:  art.Architecture,
	}
	if err := store.Record(slug, snap); err != nil {
		return bottlestate.Snapshot{}, &RecordError{art.Reference, err}
	}
	if err := store.Preserve(slug); err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("snapshot %s@%d is recorded, but the bottle could not be marked preserved: %w", slug, number, err)
	}
	return snap, nil
}
