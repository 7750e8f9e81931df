package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"

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
	if err := b.mayStart(ctx, bottle, m); err != nil {
		return err
	}
	limit := b.limits.slow
	if m.State == "created" {
		limit = b.limits.bulk
		if err := b.settle(ctx, bottle, m); err != nil {
			return err
		}
	}
	err = smolvm.Once(ctx, limit, func(ctx context.Context) *exec.Cmd {
		return interruptible(withoutSecrets(command(ctx, "machine", "start", "--name", m.Name), bottle))
	})
	if err != nil {
		return err
	}
	return b.ready(ctx, bottle, m)
}

// mayStart finds what would go wrong with a start, or be wrong after it, and
// what the tool does not say.
func (b *Backend) mayStart(ctx context.Context, bottle bottlestate.Bottle, m machine) error {
	for _, mount := range binds(bottle) {
		if _, err := os.Stat(mount.Source); err != nil {
			return fmt.Errorf("what is mounted at %s: %w", mount.Target, err)
		}
	}
	if m.State != "created" {
		dir, err := b.dataDir(ctx, m)
		if err != nil {
			return err
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			// It would come up, with empty ones. The cache's place is in no
			// record of the tool's.
			return fmt.Errorf("machine %s has no disks in %s; with another XDG_CACHE_HOME they are elsewhere; if they are gone, as after a delete that was cut off, remove the rest of it, and resume again: smolvm machine delete --name %s -f", m.Name, dir, m.Name)
		}
	}
	return b.packed(ctx, bottle.Slug)
}

// settle gives a machine that was made from an artifact, and was not started
// yet, what create does not. It is a step of the start, so that a create that
// was cut off leaves no machine with a network that is too open.
func (b *Backend) settle(ctx context.Context, bottle bottlestate.Bottle, m machine) error {
	if m.Labels[bootedLabel]+m.Labels[importedLabel] == "" {
		return nil
	}
	update, err := updateCommand(bottle, m.meta().imageMeta)
	if err != nil || update == nil {
		return err
	}
	_, err = b.run(ctx, b.limits.quick, update...)
	return err
}

// Stop stops the machine, also one that does not answer: its disk is in order
// either way.
func (b *Backend) Stop(ctx context.Context, bottle bottlestate.Bottle) error {
	m, err := b.inspect(ctx, bottle)
	if err == nil && m.state() != backends.Running && !m.isStopped() && m.State != "unreachable" {
		err = &busyError{m}
	}
	if err == nil {
		_, err = b.run(ctx, b.limits.slow, "machine", "stop", "--name", m.Name)
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// Remove removes the machine, whatever its state. Without -f the tool would
// ask, and take no answer for a no that is no failure. It is not cut off: a
// machine without its disks would come up all the same, with empty ones.
func (b *Backend) Remove(ctx context.Context, bottle bottlestate.Bottle, _ bool) error {
	m, err := b.inspect(ctx, bottle)
	if err == nil {
		_, err = b.run(context.WithoutCancel(ctx), b.limits.slow, "machine", "delete", "--name", m.Name, "-f")
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// Left names the copy of an artifact that the tool has unpacked for the machine,
// and keeps. Elsewhere than on Linux it is among the machine's own files. Where
// these copies are the tool does not tell, nor whether another machine was made
// from the same artifact.
func (b *Backend) Left(ctx context.Context, bottle bottlestate.Bottle) string {
	m, err := b.inspect(ctx, bottle)
	if err != nil || m.Labels[bootedLabel]+m.Labels[importedLabel] == "" || runtime.GOOS != "linux" {
		return ""
	}
	return fmt.Sprintf("what %s was booted from is still unpacked in the cache of smolvm; remove all there that no machine uses with: smolvm pack prune --all", bottle.Slug)
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

// States returns the states of all bottles with one call. The tool does not
// tell since when.
func (b *Backend) States(ctx context.Context) (map[bottlestate.Slug]backends.Condition, error) {
	var all []machine
	if err := b.ask(ctx, &all, "machine", "ls", "--json"); err != nil {
		return nil, err
	}
	states := map[bottlestate.Slug]backends.Condition{}
	for _, m := range all {
		if m.Name == backends.Name(m.slug()) {
			states[m.slug()] = backends.Condition{State: m.state()}
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
	then := readBoots(snap.Reference)
	now, err := b.boots(ctx, m)
	return then == "" || now != then, err
}

// dataDir is where the tool keeps the machine's disks.
func (b *Backend) dataDir(ctx context.Context, m machine) (string, error) {
	out, err := b.run(ctx, b.limits.quick, "machine", "data-dir", "--name", m.Name)
	return strings.TrimSpace(string(out)), err
}
