package smolmachines

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/go-units"
)

// stubSize is what an artifact's stub takes at most, and what else a pack
// writes whatever the bottle's size.
const stubSize = 128 << 20

// checkSpace refuses a freeze that would fill a disk: a pack fails late, after
// all its work, and stops the bottle for that. What the machine's disks take is
// written twice, unpacked, where smolvm keeps its machines; and where the
// artifacts are, unpacked once and compressed twice, which is half of it each
// time for what is on most disks.
func (f *freeze) checkSpace(ctx context.Context) error {
	disks, err := f.dataDir(ctx, f.m)
	if err != nil {
		return err
	}
	size := allocated(disks)
	if info, err := os.Stat(f.m.Labels[bootedLabel]); err == nil {
		size += 2 * info.Size() // what it was made from is kept elsewhere, unpacked
	}
	places := []struct {
		dir  string
		need int64
	}{
		{existing(disks), 2 * size},
		{existing(f.directory(f.bottle.Slug)), 2*size + stubSize},
	}
	if sameDisk(places[0].dir, places[1].dir) {
		places[1].need += places[0].need
		places = places[1:]
	}
	for _, place := range places {
		free, err := freeSpace(place.dir)
		if err != nil {
			return fmt.Errorf("free space at %s: %w", place.dir, err)
		}
		if free < place.need {
			return fmt.Errorf("a freeze of %s takes up to %s at %s, and %s are free: make room there first",
				f.bottle.Slug, units.HumanSize(float64(place.need)), place.dir, units.HumanSize(float64(free)))
		}
	}
	return nil
}

// allocated is what the files below dir take on disk.
func allocated(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is not counted
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += onDisk(info)
		}
		return nil
	})
	return sum
}

// existing is the nearest directory at or above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}
