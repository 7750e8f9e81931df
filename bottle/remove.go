package bottle

import (
	"context"
	"fmt"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Stop stops the bottle and keeps everything.
func Stop(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, notify Notify) error {
	b, unlock, err := openLocked(ctx, be, store, slug, notify)
	if err != nil {
		return err
	}
	defer unlock()
	return be.Stop(ctx, b)
}

// Remove removes container, snapshots and state. A running bottle is a
// *StateError unless force is set. If it fails, the record is still there and
// Remove can be called again. What the engine keeps all the same is told.
func Remove(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, force bool, notify Notify) error {
	b, unlock, err := openLocked(ctx, be, store, slug, notify)
	if err != nil {
		return err
	}
	defer unlock()
	if !force {
		if err := CheckNotRunning(ctx, be, b); err != nil {
			return err
		}
	}
	left := backends.Left(ctx, be, b)
	if err := remove(ctx, be, store, b); err != nil {
		return err
	}
	if left != "" {
		notify.Say("%s", left)
	}
	return nil
}

// CheckNotRunning returns a *StateError if the bottle runs.
func CheckNotRunning(ctx context.Context, be backends.Backend, b bottlestate.Bottle) error {
	state, err := be.State(ctx, b)
	if err == nil && state == backends.Running {
		return &StateError{b.Slug, state}
	}
	return err
}

func remove(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle) error {
	snaps, bad, err := store.Snapshots(b.Slug)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return fmt.Errorf("a snapshot's record cannot be read, so its image could not be removed: %w", bad[0])
	}
	retired, err := store.Retired(b.Slug)
	if err != nil {
		return err
	}
	if err := be.Remove(ctx, b, true); err != nil {
		return err
	}
	for _, snap := range append(retired, snaps...) {
		if err := be.RemoveArtifact(ctx, snap); err != nil {
			return err
		}
	}
	if err := be.RemoveCaches(ctx, b); err != nil {
		return err
	}
	return store.Remove(b.Slug)
}
