package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Create makes the machine, from the archive of an image or from an artifact.
// All that the bottle asks for is given each time: an artifact holds neither
// mounts nor limits, and of the network only whether there is one.
func (b *Backend) Create(ctx context.Context, bottle bottlestate.Bottle, source string) error {
	// Before anything is undone below it has to be known that it is ours.
	if _, err := b.inspect(ctx, bottle); err == nil {
		return fmt.Errorf("machine %s exists already", backends.Name(bottle.Slug))
	} else if !isNotFound(err) {
		return err
	}
	create := b.createFromImage
	if isArtifact(source) {
		create = b.createFromArtifact
	}
	args, err := create(ctx, bottle, source)
	if err != nil {
		return err
	}
	backends.Step(ctx, "creating the machine")
	if _, err := b.run(ctx, b.limits.bulk, args...); err != nil {
		return b.undoCreate(context.WithoutCancel(ctx), bottle, err)
	}
	return nil
}

// undoCreate removes what a create that did not end well has made. A tool that
// was killed may leave a reservation of the name besides, with the id of its
// process: that is no machine, and there is no command that removes it.
func (b *Backend) undoCreate(ctx context.Context, bottle bottlestate.Bottle, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return errors.Join(cause, b.Remove(ctx, bottle, true))
}

func (b *Backend) createFromImage(_ context.Context, bottle bottlestate.Bottle, archive string) ([]string, error) {
	base, err := b.readBase(archive)
	if err != nil {
		return nil, err
	}
	options, err := limitOptions(bottle)
	if err != nil {
		return nil, err
	}
	options = append(options, "--image", archive)
	const usual = 8 << 30 // the most that the tool takes unless it is told
	if base.Size > usual {
		options = append(options, "--max-image-size", fmt.Sprintf("%dGiB", base.Size>>30+1))
	}
	return createCommand(bottle, base.imageMeta, options)
}

// createFromArtifact makes sure first that the whole artifact is what it was:
// the tool would boot what is left of a damaged one. What else the machine is
// to get comes before its first start, see [Backend.settle].
func (b *Backend) createFromArtifact(ctx context.Context, bottle bottlestate.Bottle, path string) ([]string, error) {
	s, err := readSidecar(path)
	if err != nil {
		return nil, err
	}
	known, ours := s.meta()
	if err := known.checkNetwork(bottle); err != nil {
		return nil, err
	}
	backends.Step(ctx, "checking the snapshot")
	if err := b.verify(ctx, path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	label := importedLabel
	if ours {
		label = bootedLabel
	}
	return createCommand(bottle, known.imageMeta, []string{"--from", path, "--label", label + "=" + path})
}

func createCommand(bottle bottlestate.Bottle, image imageMeta, options []string) ([]string, error) {
	network, err := networkOptions(bottle)
	if err != nil {
		return nil, err
	}
	mounts, err := volumeOptions(bottle)
	if err != nil {
		return nil, err
	}
	workload, err := workload(bottle, image)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]string{
		"machine", "create",
		"--name", backends.Name(bottle.Slug),
		"--label", backends.ContainerLabel + "=" + string(bottle.Slug),
	}, options, network, mounts, []string{"--"}, workload), nil
}

// updateCommand gives a machine that was made from an artifact what create does
// not: the working directory, which it ignores; limits, as the tool's
// defaults (4, 8192) would mean those of the artifact; no network, where the
// artifact has one.
func updateCommand(bottle bottlestate.Bottle, image imageMeta) ([]string, error) {
	update, err := limitOptions(bottle)
	if err != nil {
		return nil, err
	}
	if image.WorkingDir != "" {
		update = append(update, "-w", image.WorkingDir)
	}
	if bottle.Network == noNetwork {
		update = append(update, "--no-net")
	}
	if update == nil {
		return nil, nil
	}
	return append([]string{"machine", "update", "--name", backends.Name(bottle.Slug)}, update...), nil
}

// CopyWorkspace unpacks the tree in the running machine.
func (b *Backend) CopyWorkspace(ctx context.Context, bottle bottlestate.Bottle, tree io.Reader) error {
	return inside.CopyWorkspace(ctx, b, bottle, tree)
}
