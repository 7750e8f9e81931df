package macoscontainer

import (
	"context"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// snapshotImage is all of the snapshot but its tree: the config of the image
// that the bottle was made from, with the agent's command. What the container
// was given besides is not in it.
func (b *Backend) snapshotImage(ctx context.Context, bottle bottlestate.Bottle, ctr container, opts backends.FreezeOptions) (ociarchive.Image, error) {
	c, err := b.baseConfig(ctx, ctr)
	if err != nil {
		return ociarchive.Image{}, err
	}
	config := dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{
		User:       c.User,
		Env:        c.Env,
		WorkingDir: c.WorkingDir,
		StopSignal: c.StopSignal,
		Labels:     map[string]string{},
	}}
	config.Entrypoint, config.Cmd = backends.SnapshotCommand(bottle)
	for _, labels := range []map[string]string{c.Labels, backends.SnapshotLabels(bottle, opts)} {
		for key, value := range labels {
			config.Labels[key] = value
		}
	}
	p := ctr.Configuration.Platform
	return ociarchive.Image{
		Reference: backends.SnapshotRef(bottle.Slug, opts.Number),
		Platform:  ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant},
		Created:   time.Now().UTC(),
		Comment:   opts.Message,
		Config:    config,
		Scratch:   []string{backends.RunDir}, // what programs wrote is of this boot
	}, nil
}

// baseConfig is the config of the container's image. If somebody has removed
// that, or given its name to another, which does not harm a container, it is
// made up from the container: it was given no variables of its own.
func (b *Backend) baseConfig(ctx context.Context, ctr container) (imageConfig, error) {
	img, v, err := b.inspectImage(ctx, ctr.Configuration.Image.Reference)
	switch {
	case err == nil && "sha256:"+img.ID == ctr.Configuration.Image.Descriptor.Digest:
		return v.Config.Config, nil
	case err != nil && !isNotFound(err):
		return imageConfig{}, err
	}
	init := ctr.Configuration.InitProcess
	return imageConfig{
		User:       init.User.String(),
		Env:        init.Environment,
		WorkingDir: init.WorkingDirectory,
		StopSignal: ctr.Configuration.StopSignal,
	}, nil
}
