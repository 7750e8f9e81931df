package smolmachines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// machine is what status and ls tell of one. They tell neither its mounts nor
// its allow-list.
type machine struct {
	Name       string
	State      string
	CPUs       int
	MemoryMiB  int `json:"memory_mib"`
	Entrypoint []string
	Cmd        []string
	Labels     map[string]string
}

// bootedLabel is on a machine that was made from an artifact, with its path.
const bootedLabel = "io.github.docker-bottle.booted"

func (m machine) slug() bottlestate.Slug {
	return bottlestate.Slug(m.Labels[backends.ContainerLabel])
}

func (m machine) image() imageMeta {
	meta, _ := findMeta(slices.Concat(m.Entrypoint, m.Cmd))
	return meta
}

// state is the machine's state in the words of all backends. One that has
// lost its agent can only be started anew. What a later version may call a
// state is passed on as it is: it is not gone, and not to be guessed at.
func (m machine) state() backends.State {
	switch m.State {
	case "running":
		return backends.Running
	case "created", "stopped", "failed", "unreachable":
		return backends.Stopped
	}
	return backends.State(m.State)
}

// busyError is a machine that neither runs nor is stopped.
type busyError struct{ m machine }

func (e *busyError) Error() string {
	text := fmt.Sprintf("machine %s is %s", e.m.Name, e.m.State)
	if e.m.State == "paused" {
		text += ": smolvm machine resume --name " + e.m.Name
	}
	return text
}

// inspect returns the bottle's machine. One of that name that is not the
// bottle's is an error.
func (b *Backend) inspect(ctx context.Context, bottle bottlestate.Bottle) (machine, error) {
	name := backends.Name(bottle.Slug)
	var m machine
	if err := b.ask(ctx, &m, "machine", "status", "--name", name, "--json"); err != nil {
		return machine{}, err
	}
	if m.Labels[backends.ContainerLabel] != string(bottle.Slug) {
		return machine{}, fmt.Errorf("machine %s is not a bottle: it was made by something else", name)
	}
	return m, nil
}

// settled is inspect for a machine that is to be worked with.
func (b *Backend) settled(ctx context.Context, bottle bottlestate.Bottle) (machine, error) {
	m, err := b.inspect(ctx, bottle)
	if state := m.state(); err == nil && state != backends.Running && state != backends.Stopped {
		err = &busyError{m}
	}
	return m, err
}

func (b *Backend) ask(ctx context.Context, answer any, args ...string) error {
	out, err := b.run(ctx, b.limits.quick, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return smolvm.Failure(args, "", err)
	}
	return nil
}
