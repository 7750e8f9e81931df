package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// ImageSource is an engine whose images can become machines.
type ImageSource interface {
	backends.Builder
	Version(ctx context.Context) (string, error)
	// SaveImage writes an image that Build has returned to w, in the form of
	// docker save or in the OCI layout.
	SaveImage(ctx context.Context, image backends.Image, w io.Writer) error
	// RemoveCaches removes the name that Build has given an image.
	RemoveCaches(ctx context.Context, bottle bottlestate.Bottle) error
}

// Build has the bottle's Dockerfile built by the first engine that answers, or
// looks the bottle's image up there, and keeps it as an archive. What is kept
// already is neither built nor saved again: no engine is asked then. A path
// is an artifact, to begin a bottle with.
func (b *Backend) Build(ctx context.Context, bottle bottlestate.Bottle, src backends.Source, log io.Writer) (backends.Image, error) {
	if _, err := b.reach(); err != nil {
		return backends.Image{}, err // before a build that may take minutes
	}
	switch {
	case strings.HasSuffix(bottle.Image, extension) && !filepath.IsAbs(bottle.Image):
		return backends.Image{}, fmt.Errorf("image %s: a file is given with its directory, as ./%s", bottle.Image, bottle.Image)
	case isArtifact(bottle.Image):
		return artifactImage(bottle.Image)
	case filepath.IsAbs(bottle.Image):
		base, err := b.readBase(bottle.Image)
		return base.image(bottle.Image), err
	case bottle.Image != "":
		source, err := b.source(ctx)
		if err != nil {
			return backends.Image{}, err
		}
		image, err := source.Build(ctx, bottle, src, log)
		if err != nil {
			return backends.Image{}, err
		}
		return b.keep(ctx, source, image)
	}
	key, err := contextKey(ctx, src)
	if err != nil {
		return backends.Image{}, err
	}
	// What a Dockerfile begins FROM may be another image by now, so an engine
	// is asked again once in a while; if there is one.
	archive, base, age, ok := b.built(key)
	kept := base.image(archive)
	kept.Built = time.Now().Add(-age)
	if ok && age < fresh {
		return kept, nil
	}
	source, err := b.source(ctx)
	switch {
	case err != nil && ok:
		return kept, nil
	case err != nil:
		return backends.Image{}, err
	}
	return b.buildNew(ctx, source, bottle, src, log, key)
}

// fresh is how long what was built is used without asking.
const fresh = 24 * time.Hour

func (b *Backend) buildNew(ctx context.Context, source ImageSource, bottle bottlestate.Bottle, src backends.Source, log io.Writer, key string) (backends.Image, error) {
	image, err := source.Build(ctx, bottle, src, log)
	if err != nil {
		return backends.Image{}, err
	}
	kept, err := b.keep(ctx, source, image)
	// The name has served. One that is left is seen in the engine's own list.
	_ = source.RemoveCaches(context.WithoutCancel(ctx), bottle)
	if err != nil {
		return backends.Image{}, err
	}
	return kept, b.remember(key, kept.ID)
}

// source returns the first engine that answers.
func (b *Backend) source(ctx context.Context) (ImageSource, error) {
	var names []string
	var errs []error
	for _, builder := range b.images {
		source, err := builder.Open()
		if err == nil {
			_, err = source.Version(ctx)
		}
		if err == nil {
			return source, nil
		}
		names = append(names, builder.Name)
		errs = append(errs, fmt.Errorf("%s: %w", builder.Name, err))
	}
	// What else went wrong is the text of it: an engine that is down is not
	// this one.
	return nil, fmt.Errorf("a bottle's image is built by another engine (%s), and none answers:\n%v", strings.Join(names, ", "), errors.Join(errs...))
}

// artifactImage is an artifact as something to make a bottle from.
func artifactImage(path string) (backends.Image, error) {
	s, err := readSidecar(path)
	if err != nil {
		return backends.Image{}, err
	}
	if a := s.architecture(); a != runtime.GOARCH {
		return backends.Image{}, fmt.Errorf("%s is for machines of %s, and this one is %s", path, a, runtime.GOARCH)
	}
	meta, _ := s.meta()
	return backends.Image{ID: path, Digest: s.digest(), Entrypoint: meta.Entrypoint, Command: meta.Command, Labels: meta.Labels}, nil
}

func isArtifact(name string) bool { return strings.HasSuffix(name, extension) && filepath.IsAbs(name) }
