package bottle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// CommitOptions are the choices of one commit.
type CommitOptions struct {
	Message string
	NoPause bool
	// Force commits a bottle that has not changed.
	Force bool
	// Exact is handed to the backend, see [backends.FreezeOptions].
	Exact bool
	// Confirm is handed to the backend, see [backends.FreezeOptions].
	Confirm func(ctx context.Context, question string) (bool, error)
	Notify  Notify
	// Warn is told what went wrong although the snapshot is good. If it is nil
	// Notify is.
	Warn Notify
}

// RecordError is returned when a freeze went well and its record could not be
// written: the artifact exists, and nothing points to it.
type RecordError struct {
	Slug      bottlestate.Slug
	Reference string
	Err       error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("the snapshot is safe as %s, but could not be recorded: %v", e.Reference, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// ErrUnchanged is returned when the head holds all that the bottle does, so
// that there is nothing to commit.
var ErrUnchanged = errors.New("nothing has changed")

// Commit freezes the bottle, records the snapshot, and marks the bottle
// preserved, in that order: a crash may leave an artifact that nothing points
// to, never a pointer to an artifact that does not exist. Nothing is done
// after a step that failed. With ErrUnchanged comes the head.
func Commit(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, opts CommitOptions) (bottlestate.Snapshot, error) {
	unlock, err := lock(ctx, store, slug, opts.Notify)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	defer unlock()
	began := time.Now()
	b, err := store.Bottle(slug)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	if !opts.Force {
		// Whoever cannot tell commits.
		backends.Step(ctx, "looking for changes")
		if head, err := unchanged(ctx, be, store, b); err == nil && head != nil {
			if err := store.Preserve(slug); err != nil { // a crash may have come before
				return *head, err
			}
			return *head, ErrUnchanged
		}
	}
	return commit(ctx, be, store, b, opts, began)
}

// unchanged returns the head if the engine has it and it holds all that the
// bottle does, or nil.
func unchanged(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle) (*bottlestate.Snapshot, error) {
	head, err := store.Head(b.Slug)
	if errors.Is(err, bottlestate.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if exists, err := be.ArtifactExists(ctx, head); err != nil || !exists {
		return nil, err
	}
	for snap := head; ; {
		changed, err := be.ChangedSince(ctx, b, snap)
		switch {
		case err != nil:
			return nil, err
		case !changed:
			return &head, nil
		case !snap.Compacted:
			return nil, nil
		}
		// The bottle may have grown from what was compacted.
		if snap, err = store.Snapshot(b.Slug, snap.Parent); err != nil {
			return nil, nil
		}
	}
}

// commit commits, with the bottle's lock held, whether or not anything has
// changed. What it says it took is from began on, without what a person took to
// answer.
func commit(ctx context.Context, f backends.Freezer, store bottlestate.Store, b bottlestate.Bottle, opts CommitOptions, began time.Time) (bottlestate.Snapshot, error) {
	parent, err := headNumber(store, b.Slug)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	if opts.Warn == nil {
		opts.Warn = opts.Notify
	}
	number, art, err := numbered(store, b.Slug, opts.Warn, func(number int) (backends.Artifact, error) {
		return f.Freeze(ctx, b, backends.FreezeOptions{
			Number:  number,
			Parent:  parent,
			Message: opts.Message,
			NoPause: opts.NoPause,
			Exact:   opts.Exact,
			Confirm: func(ctx context.Context, question string) (bool, error) {
				asked := time.Now()
				yes, err := opts.Confirm(ctx, question)
				began = began.Add(time.Since(asked))
				return yes, err
			},
			Notify: opts.Notify,
			Warn:   opts.Warn,
		})
	})
	if err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("commit %s: %w", b.Slug, err)
	}
	return record(store, b, art, bottlestate.Snapshot{Number: number, Parent: parent, Message: opts.Message, Took: time.Since(began)})
}

// numbered calls freeze with the bottle's next number, and goes on to the one
// after it while the engine has something of that number already.
func numbered(store bottlestate.Store, slug bottlestate.Slug, warn Notify, freeze func(number int) (backends.Artifact, error)) (number int, art backends.Artifact, err error) {
	for {
		if number, err = store.Reserve(slug); err != nil {
			return number, art, err
		}
		art, err = freeze(number)
		if !errors.Is(err, backends.ErrTaken) {
			return number, art, err
		}
		warn.Say("%v: it is kept, and its number left out", err)
	}
}

// record completes the snapshot with what the backend said of its artifact,
// makes it the head, and marks the bottle preserved.
func record(store bottlestate.Store, b bottlestate.Bottle, art backends.Artifact, snap bottlestate.Snapshot) (bottlestate.Snapshot, error) {
	snap.Backend = b.Backend
	snap.Reference = art.Reference
	snap.Digest = art.Digest
	snap.Created = art.Created
	snap.Size = art.Size
	snap.NotCaptured = art.NotCaptured
	snap.Stopped = art.Stopped
	snap.Restarted = art.Restarted
	snap.Still = art.Still
	snap.EngineVersion = art.EngineVersion
	snap.Architecture = art.Architecture
	if err := store.Record(b.Slug, snap); err != nil {
		return bottlestate.Snapshot{}, &RecordError{b.Slug, art.Reference, err}
	}
	if err := store.Preserve(b.Slug); err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("snapshot %s@%d is recorded, but the bottle could not be marked preserved: %w", b.Slug, snap.Number, err)
	}
	if snap.Restarted {
		if err := errors.Join(store.SetBoot(b.Slug), store.SetIdle(b.Slug)); err != nil {
			return bottlestate.Snapshot{}, fmt.Errorf("snapshot %s@%d is recorded, but not that the bottle was restarted: %w", b.Slug, snap.Number, err)
		}
	}
	return snap, nil
}
