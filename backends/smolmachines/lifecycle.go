package smolmachines

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Start boots the machine and waits until programs can be run in it. The first
// start of one takes longer: its image is unpacked then.
func (b *Backend) Start(ctx context.Context, bottle bottlestate.Bottle) error {
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return err
	}
	if m.state() == backends.Running {
		return b.ready(ctx, bottle, m) // who started it may have been killed before that
	}
	// The tool finds this out no sooner than in half a minute, and does not say.
	for _, mount := range binds(bottle) {
		if _, err := os.Stat(mount.Source); err != nil {
			return fmt.Errorf("what is mounted at %s: %w", mount.Target, err)
		}
	}
	limit := b.limits.slow
	if m.State == "created" {
		limit = b.limits.bulk
	}
	err = smolvm.Once(ctx, limit, func(ctx context.Context) *exec.Cmd {
		return interruptible(command(ctx, "machine", "start", "--name", m.Name))
	})
	if err != nil {
		return err
	}
	return b.ready(ctx, bottle, m)
}

// Stop stops the machine. The tool does nothing about one that has lost its
// agent: a start cleans up after it.
func (b *Backend) Stop(ctx context.Context, bottle bottlestate.Bottle) error {
	m, err := b.settled(ctx, bottle)
	if err == nil {
		_, err = b.run(ctx, b.limits.slow, "machine", "stop", "--name", m.Name)
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// Remove removes the machine, whatever its state. Without -f the tool would
// ask, and take no answer for a no that is no failure.
func (b *Backend) Remove(ctx context.Context, bottle bottlestate.Bottle, _ bool) error {
	m, err := b.inspect(ctx, bottle)
	if err == nil {
		_, err = b.run(ctx, b.limits.slow, "machine", "delete", "--name", m.Name, "-f")
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// State returns what the machine does. One that neither runs nor is stopped is
// an error, which says what it is.
func (b *Backend) State(ctx context.Context, bottle bottlestate.Bottle) (backends.State, error) {
	m, err := b.settled(ctx, bottle)
	if isNotFound(err) {
		return backends.Gone, nil
	} else if err != nil {
		return "", err
	}
	return m.state(), nil
}

// States returns the states of all bottles with one call.
func (b *Backend) States(ctx context.Context) (map[bottlestate.Slug]backends.State, error) {
	var all []machine
	if err := b.ask(ctx, &all, "machine", "ls", "--json"); err != nil {
		return nil, err
	}
	states := map[bottlestate.Slug]backends.State{}
	for _, m := range all {
		if m.Name == backends.Name(m.slug()) {
			states[m.slug()] = m.state()
		}
	}
	return states, nil
}

// ChangedSince says no only for a machine that has not been booted since it
// was frozen, or since it was made from the snapshot.
func (b *Backend) ChangedSince(ctx context.Context, bottle bottlestate.Bottle, snap bottlestate.Snapshot) (bool, error) {
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return false, err
	}
	switch {
	case m.state() != backends.Stopped:
		return true, nil
	case m.State == "created":
		return m.Labels[bootedLabel] != snap.Reference, nil
	case !snap.Stopped:
		return true, nil
	}
	booted, err := b.lastBoot(ctx, m)
	return booted.IsZero() || !booted.Before(snap.Created), err
}

// lastBoot is when the machine was last booted, or zero if that is not known:
// the tool writes a file each time.
func (b *Backend) lastBoot(ctx context.Context, m machine) (time.Time, error) {
	dir, err := b.dataDir(ctx, m)
	if err != nil {
		return time.Time{}, err
	}
	info, err := os.Stat(filepath.Join(dir, "boot-config.json"))
	if err != nil {
		return time.Time{}, nil // another version may have another file
	}
	return info.ModTime(), nil
}

// dataDir is where the tool keeps the machine's disks.
func (b *Backend) dataDir(ctx context.Context, m machine) (string, error) {
	out, err := b.run(ctx, b.limits.quick, "machine", "data-dir", "--name", m.Name)
	return strings.TrimSpace(string(out)), err
}
