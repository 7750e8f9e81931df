package bottlestate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	removedPrefix = ".removed-" // of a bottle that is being removed
	tempPrefix    = ".tmp-"     // of a file that atomicwriter writes
)

// Leftover is what a process that was killed has left among the records.
type Leftover struct {
	Slug Slug
	Path string
}

// settled is longer than it takes to write a record: a younger file may be
// one that is being written, which not every writer holds the lock for.
const settled = time.Minute

// Leftovers returns the records that were being written, and the bottles that
// were being removed, when their process was killed. Where the bottle's lock
// is held, they are not yet.
func (s Store) Leftovers() ([]Leftover, error) {
	root := filepath.Join(s.dir, "bottles")
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []Leftover
	for _, entry := range entries {
		name, removed := strings.CutPrefix(entry.Name(), removedPrefix)
		slug, err := ParseSlug(name)
		dir := filepath.Join(root, entry.Name())
		switch {
		case err != nil || !entry.IsDir(): // not ours
		case removed:
			all = append(all, Leftover{slug, dir})
		default:
			for _, dir := range []string{dir, filepath.Join(dir, "snapshots")} {
				all = append(all, halfWritten(slug, dir)...)
			}
		}
	}
	return all, nil
}

func halfWritten(slug Slug, dir string) (all []Leftover) {
	entries, _ := os.ReadDir(dir) // one that is gone, or no directory, has none
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), tempPrefix) && time.Since(info.ModTime()) > settled {
			all = append(all, Leftover{slug, filepath.Join(dir, entry.Name())})
		}
	}
	return all
}
