package macoscontainer

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/tempdir"
)

// ArtifactExists reports whether the snapshot's image is there, and is the one
// that was recorded.
func (b *Backend) ArtifactExists(ctx context.Context, snap bottlestate.Snapshot) (bool, error) {
	_, v, err := b.inspectImage(ctx, snap.Reference)
	if isNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if v.Digest != snap.Digest {
		return false, fmt.Errorf("image %s is %s, not the recorded %s: another image has taken its tag", snap.Reference, v.Digest, snap.Digest)
	}
	return true, nil
}

// RemoveArtifact removes the snapshot's image. Another one that has taken its
// name is not the snapshot's, and stays.
func (b *Backend) RemoveArtifact(ctx context.Context, snap bottlestate.Snapshot) error {
	return b.removeImage(ctx, snap.Reference, func(v variant) bool { return v.Digest == snap.Digest })
}

// SaveImage writes the image to w, in the OCI layout. The tool writes to a file
// alone in the versions that add to its own output.
func (b *Backend) SaveImage(ctx context.Context, image backends.Image, w io.Writer) error {
	dir, remove, err := tempdir.Make(ctx, "save")
	if err != nil {
		return err
	}
	defer remove()
	path := filepath.Join(dir, "image.tar")
	if _, err := b.run(ctx, b.limits.bulk, "image", "save", "--platform", "linux/"+architecture, "--output", path, image.ID); err != nil {
		return err
	}
	archive, err := os.Open(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	_, err = io.Copy(w, archive)
	return err
}

// RemoveCaches removes the image the bottle was built into.
func (b *Backend) RemoveCaches(ctx context.Context, bottle bottlestate.Bottle) error {
	return b.removeImage(ctx, backends.BaseRef(bottle.Slug), func(variant) bool { return true })
}

// removeImage removes the image if it is the one that is meant. It looks first:
// by a name that is gone, the tool may remove an image that was tagged from it.
func (b *Backend) removeImage(ctx context.Context, ref string, meant func(variant) bool) error {
	_, v, err := b.inspectImage(ctx, ref)
	if err == nil && meant(v) {
		_, err = b.run(ctx, b.limits.slow, "image", "delete", ref)
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// unused makes sure that a freeze takes the name away from no image.
func (b *Backend) unused(ctx context.Context, ref string) error {
	_, _, err := b.inspectImage(ctx, ref)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	return fmt.Errorf("image %s %w", ref, backends.ErrTaken)
}
