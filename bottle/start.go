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
	image, err := build(ctx, be, b, open, log)
	if err != nil {
		return b, err
	}
	takeAgent(&b, ReadLabels(image.Labels, notify), notify)
	b.Entrypoint = image.Entrypoint
	if b.Command == nil {
		b.Command = image.Command
	}
	if len(b.Argv()) == 0 {
		return b, errors.New("the image has no ENTRYPOINT and no CMD: say what to run after --")
	}
	unlock, err := lock(ctx, store, b.Slug, notify)
	if err != nil {
		return b, err
	}
	defer unlock()
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
	var corrupt *bottlestate.CorruptError
	switch {
	case errors.Is(err, bottlestate.ErrNotFound):
		return nil
	case err == nil || errors.As(err, &corrupt):
		return fmt.Errorf("bottle %s: %w", slug, fs.ErrExist)
	}
	return err
}
