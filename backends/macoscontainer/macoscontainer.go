// Package macoscontainer keeps bottles with Apple's container, by running its
// command line tool.
//
// The tool has no commit: a freeze exports the bottle's tree and packs it into
// an image of one layer, which is loaded again. It is written for container
// 1.0 and newer; what the code depends on in a version is named where it does.
package macoscontainer

import (
	"context"
	"fmt"
	"sync"

	"al.essio.dev/pkg/shellescape"
	"golang.org/x/mod/semver"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Name is the backend's name in records and for --backend.
const Name = "macos-container"

// Backend is this machine's container service.
type Backend struct {
	// reach finds out, once, whether the tool can be worked with.
	reach  func() (version string, err error)
	limits limits
}

var _ backends.Backend = &Backend{}

// New returns the backend. Nothing is run yet.
func New() *Backend {
	return &Backend{reach: sync.OnceValues(reach), limits: patient}
}

// Name returns "macos-container".
func (b *Backend) Name() string { return Name }

// Endpoint returns nothing: a machine has one container service.
func (b *Backend) Endpoint() (name, address string) { return "", "" }

// Version returns the version of the tool, which is that of its service.
func (b *Backend) Version(context.Context) (string, error) { return b.reach() }

// ExportCommand returns the command that writes a snapshot to a file.
func (b *Backend) ExportCommand(bottle bottlestate.Bottle, snap bottlestate.Snapshot) string {
	file := fmt.Sprintf("%s-%d.tar", bottle.Slug, snap.Number)
	return shellescape.QuoteCommand([]string{program, "image", "save", "-o", file, snap.Reference})
}

// canExportLive reports whether a running container can be exported, which is
// so from 1.2.1 on.
func canExportLive(version string) bool { return semver.Compare("v"+version, "v1.2.1") >= 0 }
