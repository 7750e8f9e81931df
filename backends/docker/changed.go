package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// ChangedSince can say no for a container that was booted from the snapshot,
// where the engine lists what was written since, and for one that was stopped
// when it was committed and has not run since: what docker cp puts into that
// one from outside is not seen. Of one that goes on after its commit the engine
// does not tell when what changed.
func (b *Backend) ChangedSince(ctx context.Context, bottle bottlestate.Bottle, snap bottlestate.Snapshot) (bool, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return false, err
	}
	switch {
	case ctr.Image == snap.Digest && snap.Digest != "":
		return b.written(ctx, ctr, snap)
	case ctr.State.Running, !snap.Stopped, snap.Compacted:
		return true, nil
	}
	finished, err := time.Parse(time.RFC3339Nano, ctr.State.FinishedAt)
	if err != nil {
		return true, nil
	}
	return finished.After(snap.Created), nil
}

// listTime bounds the listing of changes, for which most engines compare the
// whole tree.
const listTime = 2 * time.Second

// written reports whether anything was written to the container since it was
// created from the snapshot. The engine's comparison, which is that of its
// commit, goes by a file's time, of which a layer keeps the second: within that
// one it may miss a change.
func (b *Backend) written(ctx context.Context, ctr container.InspectResponse, snap bottlestate.Snapshot) (bool, error) {
	booted, err := time.Parse(time.RFC3339Nano, ctr.Created)
	if err != nil || booted.Unix() <= snap.Created.Unix() {
		return true, nil
	}
	inTime, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	diff, err := b.api.ContainerDiff(inTime, ctr.ID, client.ContainerDiffOptions{})
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("listing what has changed: %w", engineError(err))
	}
	mounted := mounts(ctr)
	return slices.ContainsFunc(diff.Changes, func(c container.FilesystemChange) bool {
		return !isOwn(c.Path) && !slices.ContainsFunc(mounted, func(m bottlestate.Mount) bool { return m.Target == c.Path })
	}), nil
}

// isOwn reports whether the path is one that the engine or this backend puts
// into every container.
func isOwn(path string) bool {
	switch path {
	case "/.dockerenv", "/dev", "/dev/console", "/dev/pts", "/dev/shm", "/proc", "/sys",
		"/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf",
		backends.RunDir:
		return true
	}
	return strings.HasPrefix(path, backends.RunDir+"/")
}
