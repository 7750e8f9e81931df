//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

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

// runPackPrune removes what no machine was made from, but for the newest ones.
func runPackPrune(c *call) error {
	if c.has("keep") || c.has("dry-run") {
		return unfaked("pack prune --keep and --dry-run")
	}
	all, err := c.everywhere()
	if err != nil {
		return err
	}
	unused, err := filepath.Glob(c.path("vms", "_shared", "*"))
	if err != nil {
		return err
	}
	unused = slices.DeleteFunc(unused, func(dir string) bool {
		return slices.ContainsFunc(all, func(m *machine) bool { return m.Shared == dir })
	})
	slices.SortFunc(unused, func(a, b string) int { return modified(b).Compare(modified(a)) })
	keep := 5
	if c.has("all") {
		keep = 0
	}
	for _, dir := range unused[min(keep, len(unused)):] {
		if err := fakevm.Remove(dir); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Removed %s\n", filepath.Base(dir))
	}
	return nil
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
