package docker

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func latest(slug bottlestate.Slug) string { return "docker-bottle/" + string(slug) + ":latest" }

// ArtifactExists reports whether the snapshot's image is on the engine, and
// is the one that was recorded.
func (b *Backend) ArtifactExists(ctx context.Context, snap bottlestate.Snapshot) (bool, error) {
	img, err := b.api.ImageInspect(ctx, snap.Reference)
	if isNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, engineError(err)
	}
	if snap.Digest != "" && img.ID != snap.Digest {
		return false, fmt.Errorf("image %s is %s, not the recorded %s: another image has taken its tag", snap.Reference, img.ID, snap.Digest)
	}
	return true, nil
}

// RemoveArtifact removes the snapshot's image, with the alias if it points to
// it: an alias that moves on later would leave an image that has no name.
// Another image that has taken the tag is not the snapshot's, and stays.
func (b *Backend) RemoveArtifact(ctx context.Context, snap bottlestate.Snapshot) error {
	img, err := b.api.ImageInspect(ctx, snap.Reference)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return engineError(err)
	}
	if snap.Digest != "" && img.ID != snap.Digest {
		return nil
	}
	repository, _, _ := strings.Cut(snap.Reference, ":")
	if alias := repository + ":latest"; slices.Contains(img.RepoTags, alias) {
		if err := b.removeImage(ctx, alias); err != nil {
			return err
		}
	}
	return b.removeImage(ctx, snap.Reference)
}

// SaveImage writes the image to w as docker save does.
func (b *Backend) SaveImage(ctx context.Context, image backends.Image, w io.Writer) error {
	archive, err := b.api.ImageSave(ctx, []string{image.ID})
	if err != nil {
		return engineError(err)
	}
	defer archive.Close()
	_, err = io.Copy(w, archive)
	return err
}

// RemoveCaches removes the image the bottle was built into and the alias of
// its newest snapshot.
func (b *Backend) RemoveCaches(ctx context.Context, bottle bottlestate.Bottle) error {
	for _, ref := range []string{latest(bottle.Slug), backends.BaseRef(bottle.Slug)} {
		if err := b.removeImage(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backend) removeImage(ctx context.Context, ref string) error {
	_, err := b.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	if err != nil && !isNotFound(err) {
		return engineError(err)
	}
	return nil
}
