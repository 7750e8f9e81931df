package bottlestate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

func (s Store) retiredPath(slug Slug, number int) string {
	return filepath.Join(s.Dir(slug), "snapshots", strconv.Itoa(number)+".retired")
}

// Retire takes a snapshot out of every list, before its artifact is removed.
// The record is put aside until [Store.Forget], so that an artifact which a
// crash leaves behind is not lost from sight. The number stays taken. It is no
// error if the snapshot is retired already.
func (s Store) Retire(slug Slug, number int) error {
	reserved := filepath.Join(s.Dir(slug), "snapshots", strconv.Itoa(number)+".reserved")
	// A commit has made it; a record that was written in another way has none.
	f, err := os.OpenFile(reserved, os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("keeping the number of %s@%d: %w", slug, number, err)
	}
	err = os.Rename(s.snapshotPath(slug, number), s.retiredPath(slug, number))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(s.retiredPath(slug, number)); err == nil {
			return nil
		}
		return fmt.Errorf("snapshot %s@%d: %w", slug, number, ErrNotFound)
	}
	return err
}

// Unretire undoes Retire.
func (s Store) Unretire(slug Slug, number int) error {
	return os.Rename(s.retiredPath(slug, number), s.snapshotPath(slug, number))
}

// Forget ends what Retire began: the artifact is gone. It is no error if
// nothing is retired.
func (s Store) Forget(slug Slug, number int) error {
	if err := os.Remove(s.retiredPath(slug, number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Retired returns the snapshots that were retired and not forgotten: their
// artifacts may still be there. One that has a record again is not among them.
func (s Store) Retired(slug Slug) ([]Snapshot, error) {
	numbers, err := s.numbers(slug, ".retired")
	if err != nil {
		return nil, err
	}
	var snaps []Snapshot
	for _, n := range slices.Compact(numbers) {
		if _, err := os.Lstat(s.snapshotPath(slug, n)); err == nil {
			continue
		}
		var snap Snapshot
		switch err := readRecord(slug, s.retiredPath(slug, n), &snap); {
		case errors.Is(err, ErrNotFound): // not retired, or forgotten by now
		case err != nil:
			return nil, err
		default:
			snaps = append(snaps, snap)
		}
	}
	return snaps, nil
}
