// Package smolmachines keeps bottles in micro-VMs, by running smolvm
// (https://github.com/smol-machines/smolvm).
//
// Its images are made by another engine, its snapshots are files. It is
// written for smolvm 1.12 and newer; what the code depends on in a version is
// named where it does.
package smolmachines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"al.essio.dev/pkg/shellescape"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Name is the backend's name in records and for --backend.
const Name = "smolmachines"

// Backend is this machine's smolvm.
type Backend struct {
	// reach finds out, once, whether the tool can be worked with.
	reach  func() (version string, err error)
	limits limits
	dirs   Dirs
	images []Builder
}

// Dirs are the directories of the backend's own files. They need not exist.
type Dirs struct {
	// Artifacts holds the snapshots, in a directory a bottle.
	Artifacts string
	// Cache holds images that machines are made from. What is in it can be
	// had again.
	Cache string
}

// Builder opens an engine that can build an agent's image.
type Builder struct {
	Name string
	Open func() (ImageSource, error)
}

var _ backends.Backend = &Backend{}

// New returns the backend. Nothing is run yet. An image is built by the first
// of the builders that answers.
func New(dirs Dirs, images ...Builder) *Backend {
	return &Backend{reach: sync.OnceValues(reach), limits: patient, dirs: dirs, images: images}
}

// Name returns "smolmachines".
func (b *Backend) Name() string { return Name }

// Endpoint returns where smolvm has its machines, as the variable that says so:
// it has no service, and with another value there are other machines.
func (b *Backend) Endpoint() (name, address string) { return "", dataRoot(os.Getenv) }

// rootVariables say where smolvm has its machines. One that is set wins over
// those after it.
func rootVariables() []string {
	if runtime.GOOS == "linux" {
		return []string{"SMOLVM_DATA_DIR", "XDG_DATA_HOME", "HOME"}
	}
	return []string{"HOME"}
}

func dataRoot(getenv func(string) string) string {
	for _, variable := range rootVariables() {
		if dir := getenv(variable); dir != "" {
			return variable + "=" + dir
		}
	}
	return "HOME="
}

// SameEndpoint reports whether two addresses lead to the same machines: without
// XDG_DATA_HOME these are in a directory of HOME, which it may name as well.
func (b *Backend) SameEndpoint(one, other string) bool {
	return one == other || dataHome(one) == dataHome(other)
}

// dataHome is what XDG_DATA_HOME would be for an address. A SMOLVM_DATA_DIR is
// nothing of the kind: the disks are below it, too.
func dataHome(address string) string {
	variable, dir, _ := strings.Cut(address, "=")
	switch {
	case runtime.GOOS != "linux" || !filepath.IsAbs(dir):
	case variable == "XDG_DATA_HOME":
		return filepath.Clean(dir)
	case variable == "HOME":
		return filepath.Join(dir, ".local", "share")
	}
	return address
}

// Reach returns how a command gets to the machines of an endpoint, from a shell
// with the variables of this program.
func (b *Backend) Reach(_, address string) (where, command string) {
	return "the machines of smolvm with " + address, reachCommand(address, os.Getenv)
}

func reachCommand(address string, getenv func(string) string) string {
	variable, dir, _ := strings.Cut(address, "=")
	command := variable + "=" + shellescape.Quote(dir) + " docker"
	var unset string
	for _, winner := range rootVariables() {
		if winner == variable {
			break
		}
		if getenv(winner) != "" {
			unset += "-u " + winner + " "
		}
	}
	if unset != "" {
		return "env " + unset + command
	}
	return command
}

// Version returns the version of the tool.
func (b *Backend) Version(context.Context) (string, error) { return b.reach() }

// ExportCommand returns the command that copies a snapshot's file.
func (b *Backend) ExportCommand(bottle bottlestate.Bottle, snap bottlestate.Snapshot) string {
	return shellescape.QuoteCommand([]string{"cp", snap.Reference, exported(bottle, snap)})
}

// StartOptions are those of a start from that file, on another machine: what the
// bottle asks for is not taken from an artifact. Its mounts are of this machine
// alone, and the values of its variables are not for a terminal.
func (b *Backend) StartOptions(bottle bottlestate.Bottle, snap bottlestate.Snapshot) []string {
	options := []string{"--image", "." + string(filepath.Separator) + exported(bottle, snap)}
	for _, option := range []struct {
		name   string
		values []string
	}{
		{"--allow-host", bottle.AllowHosts},
		{"--allow-cidr", bottle.AllowCIDRs},
		{"--publish", bottle.Ports},
		{"--tmpfs", bottle.Tmpfs},
		{"--secret", bottle.Secrets},
	} {
		for _, value := range option.values {
			options = append(options, option.name, value)
		}
	}
	if bottle.Network != "" {
		options = append(options, "--network", bottle.Network)
	}
	return options
}

func exported(bottle bottlestate.Bottle, snap bottlestate.Snapshot) string {
	return fmt.Sprintf("%s-%d%s", bottle.Slug, snap.Number, extension)
}
