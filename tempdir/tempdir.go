// Package tempdir makes temporary directories of which a later run can tell
// whether the run that made them still needs them.
package tempdir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

const (
	prefix   = "docker-bottle-"
	lockName = ".lock"
	// fresh is longer than it takes to lock a directory that was just made.
	fresh = time.Minute
	// stale is how long what has no lock in it must not have been written to.
	stale = 24 * time.Hour
)

// Make makes a directory for what kind says, which must be one that [Abandoned]
// knows. It holds a file that is locked until remove is called, which takes the
// directory away, or the process ends.
func Make(ctx context.Context, kind string) (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", prefix+kind+"-")
	if err != nil {
		return "", nil, err
	}
	if !made.MatchString(filepath.Base(dir)) {
		panic("tempdir: " + dir + " would never be found again")
	}
	unlock, err := bottlestate.LockFile(ctx, filepath.Join(dir, lockName))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() {
		unlock() // first: on some systems an open file stays
		_ = os.RemoveAll(dir)
	}, nil
}

// made is what the names look like that this program makes: a person, too, may
// call a directory docker-bottle-something.
var made = regexp.MustCompile(`^` + prefix + `(agent|build|compact|freeze|save)-[0-9]+(\.log)?$`)

// Abandoned returns the directories and files that runs which have ended did
// not get to remove. Those that this user cannot read are another's, and not
// looked at.
func Abandoned(ctx context.Context) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, path := range paths {
		if !made.MatchString(filepath.Base(path)) {
			continue
		}
		if abandoned, err := isAbandoned(ctx, path); err != nil {
			return nil, err
		} else if abandoned {
			all = append(all, path)
		}
	}
	return all, nil
}

func isAbandoned(ctx context.Context, path string) (bool, error) {
	lock := filepath.Join(path, lockName)
	info, err := os.Lstat(lock)
	if err != nil {
		return time.Since(written(path)) > stale, nil
	}
	if time.Since(info.ModTime()) < fresh {
		return false, nil
	}
	unlock, free, err := bottlestate.TryLockFile(ctx, lock)
	if free {
		unlock()
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return false, nil // another user's, or removed by now
	}
	return free, err
}

// written is when path, or anything directly in it, was last written to. What
// cannot be looked at is written to now.
func written(path string) time.Time {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Now()
	}
	last := info.ModTime()
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return time.Now()
		}
		f.Close()
		return last
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return time.Now()
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
