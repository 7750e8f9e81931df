package macoscontainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// load loads the archive. The tool prints the names of what it has loaded. It
// is not interrupted: the service would go on, and the image come to be when
// nobody looks for it any more.
func (f *freeze) load(ctx context.Context, path string) error {
	backends.Step(ctx, "loading the image")
	out, err := f.run(context.WithoutCancel(ctx), f.limits.bulk, "image", "load", "--input", path)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case !slices.Contains(strings.Fields(out), f.img.Reference):
		return fmt.Errorf("container image load has loaded %q, not %s", strings.TrimSpace(out), f.img.Reference)
	}
	return nil
}

// verify makes sure that what the tool has is what was packed.
func (f *freeze) verify(ctx context.Context, sum ociarchive.Summary) error {
	img, v, err := f.inspectImage(ctx, f.img.Reference)
	if isNotFound(err) {
		return fmt.Errorf("image %s is not there after it was loaded: %v", f.img.Reference, err) // not wrapped: the bottle is there
	} else if err != nil {
		return err
	}
	// As JSON, where what is empty and what is not there are the same.
	want, err := json.Marshal(shown(f.img.Config))
	if err != nil {
		return err
	}
	got, err := json.Marshal(v.Config.Config)
	if err != nil {
		return err
	}
	switch {
	case img.Configuration.Name != f.img.Reference:
		return fmt.Errorf("the image was loaded as %s, not as %s", img.Configuration.Name, f.img.Reference)
	case v.Digest != sum.Manifest.String():
		return fmt.Errorf("image %s was loaded as %s, not as %s", f.img.Reference, v.Digest, sum.Manifest)
	case !bytes.Equal(want, got):
		return fmt.Errorf("image %s was loaded with the config %s, not %s", f.img.Reference, got, want)
	}
	return nil
}

// shown is what the tool shows of a config.
func shown(c dockerspec.DockerOCIImageConfig) imageConfig {
	return imageConfig{User: c.User, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal}
}

// unload removes the image that a failed freeze has loaded, if it is that one.
func (f *freeze) unload(ctx context.Context, sum ociarchive.Summary) error {
	err := f.RemoveArtifact(ctx, bottlestate.Snapshot{Reference: f.img.Reference, Digest: sum.Manifest.String()})
	if err != nil {
		return fmt.Errorf("an image may be left, remove it with: container image delete %s (%w)", f.img.Reference, err)
	}
	return nil
}
