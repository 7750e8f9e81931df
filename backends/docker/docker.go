// Package docker keeps bottles on a Docker engine, through its API.
//
// It is tried with engines 20.10 to 29 and both image stores; facts about an
// engine that the code depends on are named where it does.
package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"al.essio.dev/pkg/shellescape"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Name is the backend's name in records and for --backend.
const Name = "docker"

// Backend is one Docker engine.
type Backend struct {
	api    client.APIClient
	engine Engine
}

// Engine says how the Docker CLI reaches the engine.
type Engine struct {
	// Context is the CLI's name for it, Address its host.
	Context, Address string
	// Command is the CLI as it was called, with its global flags: what is put
	// after it goes to this engine.
	Command []string
	// Buildx reports whether the CLI has the plugin that builds. It may run
	// that plugin, so it is called for a build alone; nil means no.
	Buildx func() (bool, error)
}

var _ backends.Backend = &Backend{}

// New returns the backend for the engine behind api.
func New(api client.APIClient, engine Engine) *Backend {
	return &Backend{api: api, engine: engine}
}

// Name returns "docker".
func (b *Backend) Name() string { return Name }

// Endpoint returns the Docker CLI's context and its host.
func (b *Backend) Endpoint() (name, address string) { return b.engine.Context, b.engine.Address }

// Version returns the engine's version.
func (b *Backend) Version(ctx context.Context) (string, error) {
	v, err := b.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", engineError(err)
	}
	return v.Version, nil
}

// ExportCommand returns the command that writes a snapshot to a file.
func (b *Backend) ExportCommand(bottle bottlestate.Bottle, snap bottlestate.Snapshot) string {
	file := fmt.Sprintf("%s-%d.tar", bottle.Slug, snap.Number)
	return shellescape.QuoteCommand(slices.Concat(b.engine.Command, []string{"save", "-o", file, snap.Reference}))
}

// engineError marks the error of an engine that did not answer. The engine's
// own words are good enough to be passed on.
func engineError(err error) error {
	switch {
	case err == nil:
		return nil
	case client.IsErrConnectionFailed(err):
		return &unavailableError{err}
	case errdefs.IsNotFound(err):
		return &notFoundError{err}
	}
	return err
}

type unavailableError struct{ err error }

func (e *unavailableError) Error() string   { return e.err.Error() }
func (e *unavailableError) Unwrap() []error { return []error{e.err, backends.ErrUnavailable} }

type notFoundError struct{ err error }

func (e *notFoundError) Error() string   { return e.err.Error() }
func (e *notFoundError) Unwrap() []error { return []error{e.err, backends.ErrNotFound} }

func isNotFound(err error) bool {
	return errdefs.IsNotFound(err) || errors.Is(err, backends.ErrNotFound)
}
