// Package bottlestate keeps what is known about each bottle, in files.
//
//	bottles/SLUG/bottle.json       what was asked for at start
//	bottles/SLUG/snapshots/N.json  one per commit, written once
//	bottles/SLUG/head              the number that the next resume boots from
//	bottles/SLUG/run               the background agent's run, if there is one
//	bottles/SLUG/preserved         an empty marker
//	locks/SLUG                     held while a bottle is changed
//
// Every file is written whole (temporary file, fsync, rename), so reading
// needs no lock; a change to a bottle is made under [Store.Lock].
package bottlestate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/moby/sys/atomicwriter"
	"github.com/rogpeppe/go-internal/lockedfile"
)

// Store is the directory that the records live in. It need not exist yet.
type Store struct{ dir string }

// New returns the store in dir.
func New(dir string) Store { return Store{dir} }

// Dir returns the directory of one bottle's records.
func (s Store) Dir(slug Slug) string { return filepath.Join(s.dir, "bottles", string(slug)) }

// Lock waits until no other process changes the bottle, and returns the
// function that lets the next one in. It needs no record of the bottle. When
// ctx ends first, the error is ctx's and nothing is held.
func (s Store) Lock(ctx context.Context, slug Slug) (unlock func(), err error) {
	dir := filepath.Join(s.dir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return LockFile(ctx, filepath.Join(dir, string(slug)))
}

// LockFile waits until no other process holds the lock of the file at path,
// which is made if it is not there, and returns the function that lets go of
// it. When ctx ends first, the error is ctx's and nothing is held.
func LockFile(ctx context.Context, path string) (unlock func(), err error) {
	type locked struct {
		unlock func()
		err    error
	}
	// A file lock cannot be waited for with a context. The goroutine that is
	// left behind after a cancel lets go of the lock as soon as it gets it.
	got := make(chan locked, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(path).Lock()
		got <- locked{unlock, err}
	}()
	select {
	case l := <-got:
		return l.unlock, l.err
	case <-ctx.Done():
		go func() {
			if l := <-got; l.err == nil {
				l.unlock()
			}
		}()
		return nil, ctx.Err()
	}
}

// Bottle returns the record of slug, ErrNotFound, or a *CorruptError.
func (s Store) Bottle(slug Slug) (Bottle, error) {
	var b Bottle
	path := filepath.Join(s.Dir(slug), "bottle.json")
	if err := readRecord(path, &b); err != nil {
		if errors.Is(err, ErrNotFound) {
			return Bottle{}, fmt.Errorf("bottle %s: %w", slug, err)
		}
		return Bottle{}, err
	}
	if b.Slug != slug {
		return Bottle{}, &CorruptError{path, fmt.Errorf("it is the record of bottle %q", b.Slug)}
	}
	return b, nil
}

// Bottles returns every readable record, by slug. What cannot be read is
// returned as bad, and is in nobody's way.
func (s Store) Bottles() (bottles []Bottle, bad []error, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "bottles"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		slug, err := ParseSlug(entry.Name())
		if err != nil || !entry.IsDir() {
			continue // not ours
		}
		b, err := s.Bottle(slug)
		switch {
		case errors.Is(err, ErrNotFound): // being made or being removed
		case err != nil:
			bad = append(bad, err)
		default:
			bottles = append(bottles, b)
		}
	}
	return bottles, bad, nil
}

// Create records a new bottle. A bottle of that name is an error that
// matches fs.ErrExist, snapshots without a bottle are a *CorruptError, and both
// are left as they are.
func (s Store) Create(b Bottle) error {
	dir := s.Dir(b.Slug)
	if _, err := os.Lstat(filepath.Join(dir, "bottle.json")); err == nil {
		return fmt.Errorf("bottle %s: %w", b.Slug, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o700); err != nil {
		return err
	}
	if numbers, err := s.numbers(b.Slug, ".json"); err != nil {
		return err
	} else if len(numbers) > 0 {
		return &CorruptError{dir, errors.New("the snapshots of a bottle whose bottle.json is gone: move the directory away")}
	}
	return s.Update(b)
}

// Update writes the record of a bottle anew. Fields that this version does
// not know stay in it.
func (s Store) Update(b Bottle) error {
	b.Version = Version
	return writeRecord(filepath.Join(s.Dir(b.Slug), "bottle.json"), &b)
}

// Remove forgets the bottle and its snapshots; it is no error if there is no
// record of it. The directory is renamed first: a crash in between leaves
// nothing that a new bottle of that name could take for its own.
func (s Store) Remove(slug Slug) error {
	removed := filepath.Join(s.dir, "bottles", ".removed-"+string(slug)) // not a slug, so in no list
	if err := os.RemoveAll(removed); err != nil {
		return err
	}
	if err := os.Rename(s.Dir(slug), removed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(removed)
}

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

// Snapshot returns the record of one snapshot, ErrNotFound, or a
// *CorruptError.
func (s Store) Snapshot(slug Slug, number int) (Snapshot, error) {
	var snap Snapshot
	path := s.snapshotPath(slug, number)
	if err := readRecord(path, &snap); err != nil {
		if errors.Is(err, ErrNotFound) {
			return Snapshot{}, fmt.Errorf("snapshot %s@%d: %w", slug, number, err)
		}
		return Snapshot{}, err
	}
	if snap.Number != number {
		return Snapshot{}, &CorruptError{path, fmt.Errorf("it is the record of snapshot %d", snap.Number)}
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

// Record writes a new snapshot and makes it the head, in that order.
func (s Store) Record(slug Slug, snap Snapshot) error {
	path := s.snapshotPath(slug, snap.Number)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("snapshot %s@%d: %w", slug, snap.Number, fs.ErrExist)
	}
	snap.Version = Version
	if err := writeRecord(path, &snap); err != nil {
		return err
	}
	return s.SetHead(slug, snap.Number)
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
	path := filepath.Join(s.Dir(slug), "head")
	data, err := os.ReadFile(path)
	if err == nil {
		n, err := strconv.Atoi(strings.TrimSpace(string(data)))
		switch {
		case err != nil || n < 0:
			return 0, &CorruptError{path, errors.New("not a snapshot number")}
		case n == 0:
			return 0, fmt.Errorf("a snapshot to resume %s from: %w", slug, ErrNotFound)
		}
		return n, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
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

// SetHead makes the snapshot the one that the next resume boots from. With 0
// there is none: the bottle was made anew and grew from no snapshot.
func (s Store) SetHead(slug Slug, number int) error {
	return atomicwriter.WriteFile(filepath.Join(s.Dir(slug), "head"), []byte(strconv.Itoa(number)+"\n"), 0o600)
}

// Preserve marks the bottle so that no teardown removes its state.
func (s Store) Preserve(slug Slug) error {
	return atomicwriter.WriteFile(filepath.Join(s.Dir(slug), "preserved"), nil, 0o600)
}

// Preserved reports whether the bottle is marked.
func (s Store) Preserved(slug Slug) (bool, error) {
	_, err := os.Stat(filepath.Join(s.Dir(slug), "preserved"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// SetRun remembers the background agent's run, in the backend's own terms.
// An empty run means that there is none.
func (s Store) SetRun(slug Slug, run string) error {
	path := filepath.Join(s.Dir(slug), "run")
	if run == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return atomicwriter.WriteFile(path, []byte(run+"\n"), 0o600)
}

// Run returns the background agent's run, or "" if there is none.
func (s Store) Run(slug Slug) (string, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir(slug), "run"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}
