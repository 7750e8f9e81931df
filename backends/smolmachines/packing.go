package smolmachines

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A pack has the machine's disk mounted in a second one, which goes on when
// the tool is killed. Both keep the lock of this file open, and let go of it
// when they end: a machine must not be started before that, or two kernels
// write to one disk.
const packingFile = ".packing"

// errPacking is a pack that has outlived the program that began it.
var errPacking = errors.New("smolvm is still packing this machine, for a commit that was cut off; it must not be started before that has ended: try again in a while")

// beginPacking locks the file for the program that is to inherit it.
func (b *Backend) beginPacking(slug bottlestate.Slug) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(b.directory(slug), packingFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if !tryLock(f) {
		return nil, errors.Join(errPacking, f.Close())
	}
	return f, nil
}

// packed waits until nobody packs the machine, for a while.
func (b *Backend) packed(ctx context.Context, slug bottlestate.Slug) error {
	for until := time.Now().Add(b.limits.ready); ; {
		f, err := os.Open(filepath.Join(b.directory(slug), packingFile))
		if err != nil {
			return nil // none was ever begun
		}
		free := tryLock(f)
		f.Close()
		switch {
		case free:
			return nil
		case time.Now().After(until):
			return errPacking
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
