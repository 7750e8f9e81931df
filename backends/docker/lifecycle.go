package docker

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Start starts the container, and says so clearly if it cannot be kept alive.
func (b *Backend) Start(ctx context.Context, bottle bottlestate.Bottle) error {
	name := backends.Name(bottle.Slug)
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return err
	}
	if ctr.State.Paused {
		// Only a commit pauses a bottle, and the caller holds the bottle's
		// lock: this one was left behind by a program that was killed.
		_, err := b.api.ContainerUnpause(ctx, name, client.ContainerUnpauseOptions{})
		return engineError(err)
	}
	if _, err := b.api.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
		if strings.Contains(err.Error(), "/bin/sh") {
			return fmt.Errorf("the image has no /bin/sh, which a bottle needs: %w", err)
		}
		return engineError(err)
	}
	return nil
}

// Stop stops the container. The main process has a trap for the signal; the
// agent gets the engine's grace period.
func (b *Backend) Stop(ctx context.Context, bottle bottlestate.Bottle) error {
	ctr, err := b.inspect(ctx, bottle)
	if err == nil {
		_, err = b.api.ContainerStop(ctx, ctr.ID, client.ContainerStopOptions{})
	}
	if isNotFound(err) {
		return nil
	}
	return engineError(err)
}

// Remove removes the container, whatever its state.
func (b *Backend) Remove(ctx context.Context, bottle bottlestate.Bottle, volumes bool) error {
	ctr, err := b.inspect(ctx, bottle)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = b.api.ContainerRemove(ctx, ctr.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: volumes})
	if isNotFound(err) {
		return nil
	}
	return engineError(err)
}

// State returns what the container does. A paused one is running: it is being
// committed.
func (b *Backend) State(ctx context.Context, bottle bottlestate.Bottle) (backends.State, error) {
	ctr, err := b.inspect(ctx, bottle)
	switch {
	case isNotFound(err):
		return backends.Gone, nil
	case err != nil:
		return "", err
	case ctr.State.Running:
		return backends.Running, nil
	}
	return backends.Stopped, nil
}

// States returns the states of all bottles with one call.
func (b *Backend) States(ctx context.Context) (map[bottlestate.Slug]backends.Condition, error) {
	list, err := b.containers(ctx, backends.ContainerLabel)
	if err != nil {
		return nil, err
	}
	states := map[bottlestate.Slug]backends.Condition{}
	for _, ctr := range list {
		if slug := bottleOf(ctr); slug != "" {
			states[slug] = backends.Condition{State: state(ctr.State), Since: since(ctr.Status)}
		}
	}
	return states, nil
}

func state(s container.ContainerState) backends.State {
	if s == container.StateRunning || s == container.StatePaused {
		return backends.Running
	}
	return backends.Stopped
}

// inspect returns the bottle's container. A container of that name that is
// not the bottle's is an error.
func (b *Backend) inspect(ctx context.Context, bottle bottlestate.Bottle) (container.InspectResponse, error) {
	name := backends.Name(bottle.Slug)
	res, err := b.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return container.InspectResponse{}, engineError(err)
	}
	if res.Container.Config.Labels[backends.ContainerLabel] != string(bottle.Slug) {
		return container.InspectResponse{}, fmt.Errorf("container %s is not a bottle: it was made by something else", name)
	}
	return res.Container, nil
}

// Mounts returns the container's volumes, bind mounts and tmpfs.
func (b *Backend) Mounts(ctx context.Context, bottle bottlestate.Bottle) ([]bottlestate.Mount, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return nil, err
	}
	return mounts(ctr), nil
}

func mounts(ctr container.InspectResponse) []bottlestate.Mount {
	var all []bottlestate.Mount
	for _, m := range ctr.Mounts {
		mount := bottlestate.Mount{Type: string(m.Type), Source: m.Source, Target: m.Destination}
		if m.Name != "" {
			mount.Source = m.Name
		}
		all = append(all, mount)
	}
	for target := range ctr.HostConfig.Tmpfs {
		all = append(all, bottlestate.Mount{Type: "tmpfs", Target: target})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Target < all[j].Target })
	return all
}
