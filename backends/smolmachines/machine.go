package smolmachines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// machine is what status and ls tell of one. They tell neither its mounts nor
// its allow-list.
type machine struct {
	Name       string
	State      string
	CPUs       int
	MemoryMiB  int   `json:"memory_mib"`
	CreatedAt  int64 `json:"created_at"`
	Entrypoint []string
	Cmd        []string
	Labels     map[string]string
}

// bootedLabel is on a machine that was made from an artifact of a bottle,
// importedLabel on one from another artifact, with its path.
const (
	bootedLabel   = "io.github.docker-bottle.booted"
	importedLabel = "io.github.docker-bottle.imported"
)

func (m machine) slug() bottlestate.Slug {
	return bottlestate.Slug(m.Labels[backends.ContainerLabel])
}

func (m machine) meta() meta {
	known, _ := findMeta(slices.Concat(m.Entrypoint, m.Cmd))
	return known
}

// state is the machine's state in the words of all backends. What a later
// version may call a state is passed on as it is: it is not gone, and not to
// be guessed at. So is one that does not answer ("unreachable"): what is in it
// may go on working, and a start would end it.
func (m machine) state() backends.State {
	switch {
	case m.State == "running":
		return backends.Running
	case m.isStopped():
		return backends.Stopped
	}
	return backends.State(m.State)
}

func (m machine) isStopped() bool {
	return m.State == "created" || m.State == "stopped" || m.State == "failed"
}

// busyError is a machine that neither runs nor is stopped.
type busyError struct{ m machine }

func (e *busyError) Error() string {
	text := fmt.Sprintf("machine %s is %s", e.m.Name, e.m.State)
	switch e.m.State {
	case "paused":
		return text + ": smolvm machine resume --name " + e.m.Name
	case "unreachable":
		return text + ", it does not answer; to end what is in it: smolvm machine stop --name " + e.m.Name
	}
	return text + "; see: smolvm machine status --name " + e.m.Name
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

// settled is inspect for a machine that is to be worked with. One that does not
// answer may only be busy for a moment.
func (b *Backend) settled(ctx context.Context, bottle bottlestate.Bottle) (machine, error) {
	for until := time.Now().Add(b.limits.settle); ; {
		m, err := b.inspect(ctx, bottle)
		state := m.state()
		switch {
		case err != nil || state == backends.Running || state == backends.Stopped:
			return m, err
		case m.State != "unreachable" || time.Now().After(until):
			return m, &busyError{m}
		}
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
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
