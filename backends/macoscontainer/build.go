package macoscontainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Build builds the bottle's Dockerfile and tags the image
// docker-bottle/SLUG:base, or looks the bottle's image up.
func (b *Backend) Build(ctx context.Context, bottle bottlestate.Bottle, src backends.Source, log io.Writer) (backends.Image, error) {
	if bottle.Image != "" {
		img, err := b.image(ctx, bottle.Image)
		if errors.Is(err, backends.ErrNotFound) {
			err = fmt.Errorf("image %s is not there: get it with container image pull, or build it", bottle.Image)
		}
		return img, err
	}
	if _, err := b.reach(); err != nil {
		return backends.Image{}, err
	}
	ref := backends.BaseRef(bottle.Slug)
	if err := build(ctx, ref, src, log); err != nil {
		return backends.Image{}, fmt.Errorf("building %s: %w", src.Dockerfile, err)
	}
	return b.image(ctx, ref)
}

// image returns the image as a bottle is made from it. Its ID is its name: the
// tool finds an image by nothing else.
func (b *Backend) image(ctx context.Context, ref string) (backends.Image, error) {
	img, v, err := b.inspectImage(ctx, ref)
	if err != nil {
		return backends.Image{}, err
	}
	config := v.Config.Config
	return backends.Image{
		ID:         img.Configuration.Name,
		Digest:     v.Digest,
		Entrypoint: config.Entrypoint,
		Command:    config.Cmd,
		Labels:     backends.AgentLabels(config.Labels),
	}, nil
}

// build has no deadline: a build takes what it takes, and is seen to go on.
func build(ctx context.Context, ref string, src backends.Source, log io.Writer) error {
	var last tool.Tail // the log itself can be of any length
	progress := "plain"
	cmd := apple.Command(ctx)
	cmd.Stderr = io.MultiWriter(log, &last)
	if terminal := backends.LogTerminal(log); terminal != nil {
		progress, cmd.Stderr = "auto", terminal
		cmd.SysProcAttr = nil // a program that sets up the terminal has to be in its group
	}
	cmd.Args = append(cmd.Args,
		"build",
		"--progress", progress,
		"--tag", ref,
		"--file", src.Dockerfile,
		src.Dir,
	)
	err := cmd.Run()
	failed := apple.Failure([]string{"build"}, last.String(), err)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(failed, backends.ErrUnavailable):
		return failed
	case errors.As(err, &exit):
		return &backends.ExitError{Code: max(exit.ExitCode(), 1)}
	}
	return err
}
