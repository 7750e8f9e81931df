package macoscontainer

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Start boots the container and waits until it runs.
func (b *Backend) Start(ctx context.Context, bottle bottlestate.Bottle) error {
	if _, err := b.inspect(ctx, bottle); err != nil {
		return err
	}
	if _, err := b.run(ctx, b.limits.slow, "start", backends.Name(bottle.Slug)); err != nil {
		if says(err, "failed to find target executable /bin/sh") {
			return fmt.Errorf("the image has no /bin/sh, which a bottle needs: %w", err)
		}
		return err
	}
	ctr, err := b.inspect(ctx, bottle)
	if err == nil && ctr.state() != backends.Running {
		err = errors.New("the bottle ended as soon as it was started: its image needs sh and sleep")
	}
	return err
}

// Stop stops the container. One that does not answer is killed, and kept.
func (b *Backend) Stop(ctx context.Context, bottle bottlestate.Bottle) error {
	_, err := b.stopped(ctx, bottle)
	if isNotFound(err) {
		return nil
	}
	return err
}

// stopped stops the container, and reports whether that has unmounted its disk.
// Nobody knows of one that did not run, and a kill may be the end of it.
func (b *Backend) stopped(ctx context.Context, bottle bottlestate.Bottle) (unmounted bool, err error) {
	name := backends.Name(bottle.Slug)
	// A stop waits in line behind an export, without a word; this waits before.
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return false, err
	}
	_, err = b.run(ctx, b.limits.quick, "stop", "--time", "10", name)
	var hung *tool.DeadlineError
	if !errors.As(err, &hung) {
		return err == nil && ctr.state() == backends.Running, err
	}
	if state, stateErr := b.State(ctx, bottle); stateErr != nil || state != backends.Running {
		return false, stateErr
	}
	if _, killErr := b.run(ctx, b.limits.quick, "kill", name); killErr != nil {
		return false, errors.Join(err, killErr)
	}
	return false, nil
}

// Remove removes the container, whatever its state.
func (b *Backend) Remove(ctx context.Context, bottle bottlestate.Bottle, _ bool) error {
	_, err := b.inspect(ctx, bottle)
	if err == nil {
		_, err = b.run(ctx, b.limits.slow, "delete", "--force", backends.Name(bottle.Slug))
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// State returns what the container does.
func (b *Backend) State(ctx context.Context, bottle bottlestate.Bottle) (backends.State, error) {
	ctr, err := b.inspect(ctx, bottle)
	if isNotFound(err) {
		return backends.Gone, nil
	} else if err != nil {
		return "", err
	}
	return ctr.state(), nil
}

// States returns the states of all bottles with one call. The service does not
// tell when one was stopped. One that is busy is not waited for: whoever wants
// a list does not wait for an export.
func (b *Backend) States(ctx context.Context) (map[bottlestate.Slug]backends.Condition, error) {
	args := []string{"list", "--all", "--format", "json"}
	out, err := b.runOnce(ctx, b.limits.list, args...)
	if isBusy(err) {
		err = fmt.Errorf("the container service is busy, and cannot answer while a bottle is exported for a commit: %w", err)
	}
	if err != nil {
		return nil, err
	}
	var all []container
	if err := parse(out, &all, args); err != nil {
		return nil, err
	}
	states := map[bottlestate.Slug]backends.Condition{}
	for _, ctr := range all {
		slug := bottlestate.Slug(ctr.Configuration.Labels[backends.ContainerLabel])
		if ctr.ID == backends.Name(slug) {
			states[slug] = ctr.condition()
		}
	}
	return states, nil
}

func (c container) condition() backends.Condition {
	if state := c.state(); state != backends.Running {
		return backends.Condition{State: state}
	}
	return backends.Condition{State: backends.Running, Since: c.Status.StartedDate}
}

// ChangedSince says no only for a container that was frozen while it was
// stopped, and was not started since: the service does not tell when one was
// stopped, nor, once it was itself restarted, when one was started.
func (b *Backend) ChangedSince(ctx context.Context, bottle bottlestate.Bottle, snap bottlestate.Snapshot) (bool, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return false, err
	}
	started := ctr.Status.StartedDate // of whole seconds
	unchanged := snap.Stopped && ctr.state() == backends.Stopped && !started.IsZero() && started.Before(snap.Created.Truncate(time.Second))
	return !unchanged, nil
}

// Mounts returns the container's volumes, directories of the host and tmpfs.
func (b *Backend) Mounts(ctx context.Context, bottle bottlestate.Bottle) ([]bottlestate.Mount, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return nil, err
	}
	return mounts(ctr), nil
}

func mounts(ctr container) []bottlestate.Mount {
	var all []bottlestate.Mount
	for _, m := range ctr.Configuration.Mounts {
		all = append(all, m.record())
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Target < all[j].Target })
	return all
}

func (m mount) record() bottlestate.Mount {
	mount := bottlestate.Mount{Source: m.Source, Target: m.Destination}
	for kind, detail := range m.Type {
		switch kind {
		case "virtiofs":
			mount.Type = "bind"
		case "tmpfs":
			mount.Type, mount.Source = "tmpfs", ""
		case "volume":
			mount.Type, mount.Source = "volume", volumeName(detail)
		default:
			mount.Type = kind
		}
	}
	return mount
}

func isNotFound(err error) bool { return errors.Is(err, backends.ErrNotFound) }
