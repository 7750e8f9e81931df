// Package bottlestate keeps what is known about each bottle, in files.
//
//	bottles/SLUG/bottle.json       what was asked for at start
//	bottles/SLUG/snapshots/N.json  one per commit, written once
//	bottles/SLUG/snapshots/N.retired  one whose artifact is being removed
//	bottles/SLUG/head              the number that the next resume boots from
//	bottles/SLUG/run               the background agent's run, if there is one
//	bottles/SLUG/boot              a word, another after each boot but the first
//	bottles/SLUG/preserved         an empty marker
//	bottles/SLUG/idle              another: a commit had to end the agent
//	locks/SLUG                     held while a bottle is changed
//
// Every file is written whole (temporary file, fsync, rename), so reading
// needs no lock; a change to a bottle is made under [Store.Lock].
package bottlestate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// TryLock is Lock for a caller that does not wait: ok is false if another
// process changes the bottle.
func (s Store) TryLock(ctx context.Context, slug Slug) (unlock func(), ok bool, err error) {
	return try(ctx, func(ctx context.Context) (func(), error) { return s.Lock(ctx, slug) })
}

// TryLockFile is LockFile for a caller that does not wait: ok is false if
// another process holds the lock.
func TryLockFile(ctx context.Context, path string) (unlock func(), ok bool, err error) {
	return try(ctx, func(ctx context.Context) (func(), error) { return LockFile(ctx, path) })
}

// tryTime is longer than it takes to get a lock that nobody holds.
const tryTime = 200 * time.Millisecond

func try(ctx context.Context, lock func(context.Context) (func(), error)) (unlock func(), ok bool, err error) {
	limited, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	unlock, err = lock(limited)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, false, nil
	}
	return unlock, err == nil, err
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
	if err := readRecord(slug, path, &b); err != nil {
		if errors.Is(err, ErrNotFound) {
			return Bottle{}, fmt.Errorf("bottle %s: %w", slug, err)
		}
		return Bottle{}, err
	}
	if b.Slug != slug {
		return Bottle{}, &CorruptError{slug, path, fmt.Errorf("it is the record of bottle %q", b.Slug)}
	}
	return b, nil
}

// Slugs returns the names of the bottles that something is recorded of, which
// need not be readable, nor whole.
func (s Store) Slugs() ([]Slug, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "bottles"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var slugs []Slug
	for _, entry := range entries {
		if slug, err := ParseSlug(entry.Name()); err == nil && entry.IsDir() { // others are not ours
			slugs = append(slugs, slug)
		}
	}
	return slugs, nil
}

// Bottles returns every readable record, by slug. What cannot be read is
// returned as bad, and is in nobody's way.
func (s Store) Bottles() (bottles []Bottle, bad []error, err error) {
	slugs, err := s.Slugs()
	if err != nil {
		return nil, nil, err
	}
	for _, slug := range slugs {
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
		return &CorruptError{b.Slug, dir, errors.New("the snapshots of a bottle whose bottle.json is gone: get it back with adopt, or move the directory away")}
	}
	return s.Update(b)
}

// Restore records a bottle whose bottle.json is gone. What else there is of it,
// its snapshots, is left as it is. A bottle.json that is there is an error that
// matches fs.ErrExist, whatever is in it.
func (s Store) Restore(b Bottle) error {
	if _, err := os.Lstat(filepath.Join(s.Dir(b.Slug), "bottle.json")); err == nil {
		return fmt.Errorf("bottle %s: %w", b.Slug, fs.ErrExist)
	}
	if err := os.MkdirAll(s.Dir(b.Slug), 0o700); err != nil {
		return err
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
	removed := filepath.Join(s.dir, "bottles", removedPrefix+string(slug)) // not a slug, so in no list
	if err := os.RemoveAll(removed); err != nil {
		return err
	}
	if err := os.Rename(s.Dir(slug), removed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(removed)
}

// Preserve marks the bottle so that no teardown removes its state.
func (s Store) Preserve(slug Slug) error { return s.write(slug, "preserved", "") }

// Preserved reports whether the bottle is marked.
func (s Store) Preserved(slug Slug) (bool, error) { return s.marked(slug, "preserved") }

// SetIdle marks the bottle as one that is up without its agent, as a commit had
// to restart it.
func (s Store) SetIdle(slug Slug) error { return s.write(slug, "idle", "") }

// Idle reports whether the bottle is marked idle.
func (s Store) Idle(slug Slug) (bool, error) { return s.marked(slug, "idle") }

// ClearIdle takes the mark away; it is no error if there is none.
func (s Store) ClearIdle(slug Slug) error { return s.remove(slug, "idle") }

func (s Store) write(slug Slug, name, text string) error {
	return atomicwriter.WriteFile(filepath.Join(s.Dir(slug), name), []byte(text), 0o600)
}

func (s Store) marked(slug Slug, name string) (bool, error) {
	_, err := os.Stat(filepath.Join(s.Dir(slug), name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s Store) remove(slug Slug, name string) error {
	err := os.Remove(filepath.Join(s.Dir(slug), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SetBoot notes that the bottle was booted again.
func (s Store) SetBoot(slug Slug) error { return s.write(slug, "boot", rand.Text()+"\n") }

// Boot returns a word that is another one after each SetBoot.
func (s Store) Boot(slug Slug) (string, error) { return s.word(slug, "boot") }

// SetRun remembers the background agent's run, in the backend's own terms.
// An empty run means that there is none.
func (s Store) SetRun(slug Slug, run string) error {
	if run == "" {
		return s.remove(slug, "run")
	}
	return s.write(slug, "run", run+"\n")
}

// Run returns the background agent's run, or "" if there is none.
func (s Store) Run(slug Slug) (string, error) { return s.word(slug, "run") }

func (s Store) word(slug Slug, name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir(slug), name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}
