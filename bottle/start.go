package bottle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// UnrecordedError is returned for a bottle that its engine has, and of which
// there is no record.
type UnrecordedError struct{ Slug bottlestate.Slug }

func (e *UnrecordedError) Error() string {
	return fmt.Sprintf("bottle %s is on its engine, and there is no record of it", e.Slug)
}

// Start makes a new bottle and brings it up; its agent does not run yet. The
// given command, if any, takes the place of the image's. A name that is taken
// is an error that matches fs.ErrExist. After an error there is no bottle.
func Start(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, open OpenSource, log io.Writer, notify Notify) (bottlestate.Bottle, error) {
	if err := vacant(store, b.Slug); err != nil {
		return b, err
	}
	// Before a build that may take minutes.
	if _, err := processEnv(b); err != nil {
		return b, err
	}
	if err := backends.CheckOptions(be, b); err != nil {
		return b, err
	}
	// What is on the engine without a record is somebody's work.
	switch state, err := be.State(ctx, b); {
	case err != nil:
		return b, err
	case state != backends.Gone:
		return b, &UnrecordedError{b.Slug}
	}
	image, err := build(ctx, be, b, open, log, notify)
	if err != nil {
		return b, err
	}
	unlock, err := lock(ctx, store, b.Slug, notify)
	if err != nil {
		return b, err
	}
	defer unlock()
	if err := vacant(store, b.Slug); err != nil { // another start was faster
		return b, err
	}
	if b, err = create(ctx, be, store, b, image, notify); err != nil {
		return b, errors.Join(err, be.RemoveCaches(context.WithoutCancel(ctx), b))
	}
	return b, nil
}

// create records the bottle that has this image, and boots it. After an error
// there is neither.
func create(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, image backends.Image, notify Notify) (bottlestate.Bottle, error) {
	takeAgent(&b, ReadLabels(image.Labels, notify), notify)
	b.Entrypoint = image.Entrypoint
	if b.Command == nil {
		b.Command = image.Command
	}
	if len(b.Argv()) == 0 {
		return b, errors.New("the image has no ENTRYPOINT and no CMD: say what to run after --")
	}
	if err := store.Create(b); err != nil {
		return b, err
	}
	if err := boot(ctx, be, b, image.ID, true); err != nil {
		return b, errors.Join(err, store.Remove(b.Slug))
	}
	return b, nil
}

func vacant(store bottlestate.Store, slug bottlestate.Slug) error {
	_, err := store.Bottle(slug)
	switch {
	case errors.Is(err, bottlestate.ErrNotFound):
		return nil
	case err == nil:
		return fmt.Errorf("bottle %s: %w", slug, fs.ErrExist)
	}
	return err
}
