//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func packPruneCommand() *command {
	return &command{
		path:    "pack prune",
		about:   "Remove extracted artifacts",
		options: "--keep <N>\n--all\n--dry-run",
		run:     runPackPrune,
	}
}

// runPackPrune removes what no machine was made from.
func runPackPrune(c *call) error {
	if c.has("keep") || c.has("dry-run") {
		return unfaked("pack prune --keep and --dry-run")
	}
	all, err := c.machines()
	if err != nil {
		return err
	}
	dirs, err := filepath.Glob(c.path("vms", "_shared", "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if slices.ContainsFunc(all, func(m *machine) bool { return m.Shared == dir }) {
			continue
		}
		if err := fakevm.Remove(dir); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Removed %s\n", filepath.Base(dir))
	}
	return nil
}
