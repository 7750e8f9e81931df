package bottlestate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Reserve takes the next snapshot number. No number is handed out twice,
// also when the commit that reserved it failed.
func (s Store) Reserve(slug Slug) (int, error) {
	dir := filepath.Join(s.Dir(slug), "snapshots")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	numbers, err := s.numbers(slug, ".reserved")
	if err != nil {
		return 0, err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	for ; ; next++ {
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(next)+".reserved"), os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return 0, fmt.Errorf("reserving a snapshot number: %w", err)
		}
		return next, f.Close()
	}
}

// ReserveTo makes sure that Reserve hands out no number up to this one.
func (s Store) ReserveTo(slug Slug, number int) error {
	numbers, err := s.numbers(slug, ".reserved")
	if err != nil || number < 1 || len(numbers) > 0 && numbers[len(numbers)-1] >= number {
		return err
	}
	dir := filepath.Join(s.Dir(slug), "snapshots")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, strconv.Itoa(number)+".reserved"), nil, 0o600)
}

// numbers returns the numbers in the snapshot directory, ascending: of files
// that end in .json, and of those that end in also.
func (s Store) numbers(slug Slug, also string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(s.Dir(slug), "snapshots"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var numbers []int
	for _, entry := range entries {
		name, ext, _ := strings.Cut(entry.Name(), ".")
		if n, err := strconv.Atoi(name); err == nil && n > 0 && ("."+ext == ".json" || "."+ext == also) {
			numbers = append(numbers, n)
		}
	}
	sort.Ints(numbers)
	return numbers, nil
}

func (s Store) snapshotPath(slug Slug, number int) string {
	return filepath.Join(s.Dir(slug), "snapshots", strconv.Itoa(number)+".json")
}

// UnknownSnapshotError is the ErrNotFound of a snapshot.
type UnknownSnapshotError struct {
	Slug   Slug
	Number int
}

func (e *UnknownSnapshotError) Error() string {
	return fmt.Sprintf("snapshot %s@%d: %v", e.Slug, e.Number, ErrNotFound)
}

func (e *UnknownSnapshotError) Unwrap() error { return ErrNotFound }

// Snapshot returns the record of one snapshot, an *UnknownSnapshotError, or a
// *CorruptError.
func (s Store) Snapshot(slug Slug, number int) (Snapshot, error) {
	var snap Snapshot
	path := s.snapshotPath(slug, number)
	if err := readRecord(slug, path, &snap); err != nil {
		if errors.Is(err, ErrNotFound) {
			return Snapshot{}, &UnknownSnapshotError{slug, number}
		}
		return Snapshot{}, err
	}
	if snap.Number != number {
		return Snapshot{}, &CorruptError{slug, path, fmt.Errorf("it is the record of snapshot %d", snap.Number)}
	}
	return snap, nil
}

// Snapshots returns the bottle's snapshots, oldest first, and the errors of
// the records that cannot be read.
func (s Store) Snapshots(slug Slug) (snaps []Snapshot, bad []error, err error) {
	numbers, err := s.numbers(slug, ".json")
	if err != nil {
		return nil, nil, err
	}
	for _, n := range numbers {
		snap, err := s.Snapshot(slug, n)
		switch {
		case errors.Is(err, ErrNotFound): // being removed
		case err != nil:
			bad = append(bad, err)
		default:
			snaps = append(snaps, snap)
		}
	}
	return snaps, bad, nil
}

// Record writes a new snapshot and makes it the head, in that order. After an
// error it is not recorded.
func (s Store) Record(slug Slug, snap Snapshot) error {
	if err := s.AddSnapshot(slug, snap); err != nil {
		return err
	}
	if err := s.SetHead(slug, snap.Number); err != nil {
		return errors.Join(err, os.Remove(s.snapshotPath(slug, snap.Number)))
	}
	return nil
}

// AddSnapshot writes a new snapshot and leaves the head where it is. One that
// is recorded is an error that matches fs.ErrExist, and stays as it is.
func (s Store) AddSnapshot(slug Slug, snap Snapshot) error {
	path := s.snapshotPath(slug, snap.Number)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("snapshot %s@%d: %w", slug, snap.Number, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	snap.Version = Version
	return writeRecord(path, &snap)
}

// Head returns the snapshot that the next resume boots from, or ErrNotFound
// if there is none. Without a head file it is the newest one.
func (s Store) Head(slug Slug) (Snapshot, error) {
	number, err := s.headNumber(slug)
	if err != nil {
		return Snapshot{}, err
	}
	return s.Snapshot(slug, number)
}

func (s Store) headNumber(slug Slug) (int, error) {
	number, set, err := s.HeadNumber(slug)
	switch {
	case err != nil:
		return 0, err
	case set && number == 0:
		return 0, fmt.Errorf("a snapshot to resume %s from: %w", slug, ErrNotFound)
	case set:
		return number, nil
	}
	numbers, err := s.numbers(slug, ".json")
	if err != nil {
		return 0, err
	}
	if len(numbers) == 0 {
		return 0, fmt.Errorf("a snapshot of %s: %w", slug, ErrNotFound)
	}
	return numbers[len(numbers)-1], nil
}

// HeadNumber returns the number that SetHead was last given. If it was given
// none, set is false.
func (s Store) HeadNumber(slug Slug) (number int, set bool, err error) {
	path := filepath.Join(s.Dir(slug), "head")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, err
	}
	number, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || number < 0 {
		return 0, false, &CorruptError{slug, path, errors.New("not a snapshot number")}
	}
	return number, true, nil
}

// SetHead makes the snapshot the one that the next resume boots from. With 0
// there is none: the bottle was made anew and grew from no snapshot.
func (s Store) SetHead(slug Slug, number int) error {
	return s.write(slug, "head", strconv.Itoa(number)+"\n")
}
