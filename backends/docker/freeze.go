package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// cleanupTime bounds the calls that put things right after a failed freeze.
// A classic engine goes on with a commit that the client has given up, so it
// is longer than any look-up takes.
const cleanupTime = 30 * time.Second

// Freeze commits the bottle's container to an image with a tag of its own.
func (b *Backend) Freeze(ctx context.Context, bottle bottlestate.Bottle, opts backends.FreezeOptions) (backends.Artifact, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return backends.Artifact{}, err
	}
	ref := backends.SnapshotRef(bottle.Slug, opts.Number)
	if err := b.unused(ctx, ref); err != nil {
		return backends.Artifact{}, err
	}
	still, err := b.commitWhole(ctx, bottle, &ctr, client.ContainerCommitOptions{
		Reference: ref,
		Comment:   opts.Message,
		NoPause:   opts.NoPause,
		Config:    snapshotConfig(bottle, opts), // not Changes: those go through the Dockerfile parser, which rewrites text
	})
	if err != nil {
		return backends.Artifact{}, b.undoFreeze(ctx, ctr, ref, opts.NoPause, err)
	}
	if err := b.keepShallow(ctx, bottle, ctr, ref, opts); err != nil {
		return backends.Artifact{}, b.undoFreeze(ctx, ctr, ref, opts.NoPause, err)
	}
	art, err := b.artifact(ctx, ref)
	if err != nil {
		return backends.Artifact{}, b.undoFreeze(ctx, ctr, ref, opts.NoPause, err)
	}
	art.NotCaptured, art.Stopped, art.Still = mounts(ctr), !ctr.State.Running, still
	b.tagLatest(ctx, bottle.Slug, ref)
	return art, nil
}

// commitWhole commits a container that stands still all the while. One that was
// paused is not paused for the commit: if it is paused no more after it, as when
// the engine has ended a commit whose program was killed, it is committed again.
func (b *Backend) commitWhole(ctx context.Context, bottle bottlestate.Bottle, ctr *container.InspectResponse, options client.ContainerCommitOptions) (still time.Duration, err error) {
	for {
		still, err = b.commit(ctx, *ctr, options)
		if err != nil || options.NoPause || !ctr.State.Paused {
			return still, err
		}
		now, err := b.inspect(ctx, bottle)
		if err != nil || now.State.Paused {
			return still, err
		}
		if err := b.removeImage(ctx, options.Reference); err != nil {
			return still, err
		}
		*ctr = now
	}
}

// commit returns for how long the engine has paused the container. Where that
// cannot be heard it is the time of the whole call.
func (b *Backend) commit(ctx context.Context, ctr container.InspectResponse, options client.ContainerCommitOptions) (still time.Duration, err error) {
	const step = "committing the container"
	backends.Report(ctx, backends.Progress{Step: step})
	if options.NoPause || !ctr.State.Running || ctr.State.Paused {
		_, err := b.api.ContainerCommit(ctx, ctr.ID, options)
		return 0, engineError(err)
	}
	pauses := b.watchPauses(ctx, ctr.ID, step)
	defer pauses.end()
	began := time.Now()
	if _, err := b.api.ContainerCommit(ctx, ctr.ID, options); err != nil {
		return 0, engineError(err)
	}
	return pauses.after(time.Since(began)), nil
}

// tagLatest moves the alias for people (docker run docker-bottle/web). A
// snapshot is whole without it, so a failure here is not one of the freeze.
func (b *Backend) tagLatest(ctx context.Context, slug bottlestate.Slug, ref string) {
	_, _ = b.api.ImageTag(ctx, client.ImageTagOptions{Source: ref, Target: latest(slug)})
}

// unused makes sure that a commit to ref takes the tag away from no image:
// one that lost its tag would be pruned. A record that was lost, or written
// on another machine with the same engine, can leave such an image.
func (b *Backend) unused(ctx context.Context, ref string) error {
	_, err := b.api.ImageInspect(ctx, ref)
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return engineError(err)
	}
	return fmt.Errorf("image %s %w", ref, backends.ErrTaken)
}

// snapshotConfig is laid over the container's config. It gives back the
// agent's command, in whose place the container has the one that keeps it
// alive, and blanks the container's label, which cannot be removed.
func snapshotConfig(bottle bottlestate.Bottle, opts backends.FreezeOptions) *container.Config {
	config := &container.Config{Labels: backends.SnapshotLabels(bottle, opts)}
	config.Labels[backends.ContainerLabel] = ""
	config.Entrypoint, config.Cmd = backends.SnapshotCommand(bottle)
	return config
}

func (b *Backend) artifact(ctx context.Context, ref string) (backends.Artifact, error) {
	img, err := b.api.ImageInspect(ctx, ref)
	if err != nil {
		return backends.Artifact{}, engineError(err)
	}
	made, err := created(img.InspectResponse)
	if err != nil {
		return backends.Artifact{}, err
	}
	version, err := b.Version(ctx)
	if err != nil {
		return backends.Artifact{}, err
	}
	return backends.Artifact{
		Reference:     ref,
		Digest:        img.ID,
		Created:       made,
		Size:          img.Size,
		EngineVersion: version,
		Architecture:  img.Architecture,
	}, nil
}

func created(img image.InspectResponse) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, img.Created)
	if err != nil {
		return t, fmt.Errorf("image %s: %w", img.ID, err)
	}
	return t, nil
}

// undoFreeze puts the engine back into the state before a commit that did not
// end well: no image, and the container not left paused. A classic engine
// (20.10) does not stop a commit that the client gave up, and makes the image
// some time later: the container stays paused exactly that long.
func (b *Backend) undoFreeze(ctx context.Context, before container.InspectResponse, ref string, noPause bool, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	backends.Step(ctx, "undoing the commit")
	unpauseErr := b.settle(ctx, before)
	var late error
	if errors.Is(cause, context.Canceled) && (noPause || !before.State.Running) && !b.comes(ctx, ref) {
		late = fmt.Errorf("the engine may still be at it: then remove what it makes with: docker image rm %s", ref)
	}
	return errors.Join(cause, unpauseErr, b.removeMade(ctx, ref), late)
}

// comes waits for the image of a commit that was given up, for most of the time
// that there is, and reports whether it has come or never will: an engine with
// containerd's store ends such a commit. With the classic one, where the
// container was not paused for it, nothing else tells that the commit goes on.
func (b *Backend) comes(ctx context.Context, ref string) bool {
	if classic, err := b.classicStore(ctx); err == nil && !classic {
		return true
	}
	for end := time.Now().Add(cleanupTime - patience); time.Now().Before(end); {
		if _, err := b.api.ImageInspect(ctx, ref); err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

// removeMade removes the image of a freeze that did not end well.
func (b *Backend) removeMade(ctx context.Context, ref string) error {
	if err := b.removeImage(ctx, ref); err != nil {
		return fmt.Errorf("an image may be left, remove it with: docker image rm %s (%w)", ref, err)
	}
	return nil
}

// settle waits until a commit that the engine may still be busy with has let
// the container go, and unpauses it by force if that does not happen. A
// container that was paused before the commit is left so.
func (b *Backend) settle(ctx context.Context, before container.InspectResponse) error {
	if before.State.Paused || !before.State.Running {
		return nil
	}
	giveUp := time.Now().Add(cleanupTime / 2)
	for {
		now, err := b.api.ContainerInspect(ctx, before.ID, client.ContainerInspectOptions{})
		if isNotFound(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the container may be left paused, see: docker unpause %s (%w)", before.Name, err)
		}
		if !now.Container.State.Paused {
			return nil
		}
		if time.Now().After(giveUp) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	if _, err := b.api.ContainerUnpause(ctx, before.ID, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("the container is left paused: docker unpause %s (%w)", before.Name, err)
	}
	return nil
}
