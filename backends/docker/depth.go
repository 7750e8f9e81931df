package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// An engine with a classic store takes 125 layers and no more. A snapshot adds
// one to what its container was created from, so that the number grows with
// each boot from a snapshot, not with each commit.
const (
	// flattenFrom is when a snapshot is flattened: the first of its container.
	// The container goes on standing on all those layers; to flatten what it
	// is committed to after that, each time, would be a full copy each time.
	flattenFrom = 80
	// flattenAlways leaves room for a few more, should a flatten fail.
	flattenAlways = 115
)

// keepShallow flattens the image that was just committed to ref if it stands
// on many layers. The commit is good without: a flatten that fails is only
// told, unless ctx has ended.
func (b *Backend) keepShallow(ctx context.Context, bottle bottlestate.Bottle, ctr container.InspectResponse, ref string, opts backends.FreezeOptions) error {
	deep, err := b.api.ImageInspect(ctx, ref)
	if err != nil {
		return engineError(err)
	}
	depth := len(deep.RootFS.Layers)
	if due, err := b.flattenDue(ctx, bottle, ctr, depth, opts.Parent); err != nil || !due {
		return err
	}
	opts.Notify.Say("flattening %s@%d, which stands on %d layers, to one", bottle.Slug, opts.Number, depth)
	to, err := b.flat(ctx, deep.InspectResponse, ref)
	if err == nil {
		// It is the moment of the commit that counts: the bottle goes on.
		if to.Created, err = created(deep.InspectResponse); err == nil {
			to.Comment, to.CreatedBy = opts.Message, "docker bottle commit"
			err = b.flatten(ctx, bottle.Slug, deep.InspectResponse, to, opts.Warn)
		}
	}
	switch {
	case ctx.Err() != nil:
		// The tag may have moved on from it, and nothing else names it.
		_ = b.removeImage(context.WithoutCancel(ctx), deep.ID)
		return fmt.Errorf("flatten %s: %w", ref, ctx.Err())
	case err != nil:
		opts.Warn.Say("%s@%d is not flattened, and good as it is: %v", bottle.Slug, opts.Number, err)
		_, err := b.api.ImageTag(ctx, client.ImageTagOptions{Source: deep.ID, Target: ref})
		return engineError(err)
	}
	if err := b.removeImage(ctx, deep.ID); err != nil {
		opts.Warn.Say("an image is left, remove it with: docker image rm %s (%v)", deep.ID, err)
	}
	return nil
}

// flattenDue reports whether a snapshot of that depth is to be flattened.
func (b *Backend) flattenDue(ctx context.Context, bottle bottlestate.Bottle, ctr container.InspectResponse, depth, parent int) (bool, error) {
	switch {
	case depth < flattenFrom:
		return false, nil
	case depth >= flattenAlways || parent == 0:
		return true, nil
	}
	img, err := b.api.ImageInspect(ctx, backends.SnapshotRef(bottle.Slug, parent))
	if isNotFound(err) {
		return true, nil
	} else if err != nil {
		return false, engineError(err)
	}
	return img.ID == ctr.Image, nil
}
