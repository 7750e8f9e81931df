//go:build linux

package containertest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// tree is a root file system that layers are unpacked into.
type tree struct {
	root    string
	version version
	asRoot  bool
	// times are those of the directories, which change while files are added.
	times map[string]time.Time
	// owners has the first path of each file with hard links. The others lose
	// their content when a later layer takes that path away.
	owners map[uint64]string
	links  []*tar.Header
}

func (t *tree) entry(h *tar.Header, r io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	target, err := t.resolve(name)
	if err != nil || name == "" && h.Typeflag != tar.TypeDir {
		return err
	}
	dir, base := filepath.Split(target)
	switch {
	case base == ".wh..wh..opq":
		return t.clear(dir)
	case strings.HasPrefix(base, ".wh."):
		return t.remove(filepath.Join(dir, strings.TrimPrefix(base, ".wh.")))
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return t.directory(target, h)
	case tar.TypeReg:
		return t.file(target, h, r)
	case tar.TypeSymlink:
		if err := t.replace(target); err != nil {
			return err
		}
		if err := os.Symlink(h.Linkname, target); err != nil {
			return err
		}
		return t.attributes(target, h)
	case tar.TypeLink:
		t.links = append(t.links, h)
	}
	return nil // devices, FIFOs and sockets are skipped
}

// resolve returns where an entry goes, and makes the directories above it. A
// link among those is an error: it could lead out of the tree.
func (t *tree) resolve(name string) (string, error) {
	dir := t.root
	parent := path.Dir(name)
	if parent != "." {
		for part := range strings.SplitSeq(parent, "/") {
			dir = filepath.Join(dir, part)
			info, err := os.Lstat(dir)
			switch {
			case errors.Is(err, fs.ErrNotExist) && t.version.atLeast(1, 1, 0):
				err = os.Mkdir(dir, 0o755)
			case err == nil && !info.IsDir():
				err = fmt.Errorf("notDirectory(%q)", "/"+name)
			}
			if err != nil {
				return "", err
			}
		}
	}
	return filepath.Join(t.root, name), nil
}

func (t *tree) directory(target string, h *tar.Header) error {
	if info, err := os.Lstat(target); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("alreadyExists(%q)", "/"+h.Name)
		}
		return fakevm.SetOwner(target, h) // neither the time nor the xattrs are changed
	}
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	t.times[target] = h.ModTime
	return t.attributes(target, h)
}

func (t *tree) file(target string, h *tar.Header, r io.Reader) error {
	if err := t.replace(target); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return spin(err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return t.attributes(target, h)
}

func (t *tree) link(h *tar.Header) error {
	target, err := t.resolve(strings.TrimPrefix(path.Clean("/"+h.Name), "/"))
	if err != nil {
		return err
	}
	old, err := t.resolve(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"))
	if err != nil {
		return err
	}
	info, err := os.Lstat(old)
	if err != nil {
		return err
	}
	if _, ok := t.owners[inode(info)]; !ok {
		t.owners[inode(info)] = old
	}
	if err := t.replace(target); err != nil {
		return err
	}
	return os.Link(old, target)
}

func inode(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// replace makes room for a new file.
func (t *tree) replace(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		return fmt.Errorf("alreadyExists(%q)", strings.TrimPrefix(target, t.root))
	}
	return t.remove(target)
}

// remove frees the inode of what it removes, whatever else links to it.
func (t *tree) remove(target string) error {
	_ = filepath.WalkDir(target, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err == nil && t.owners[inode(info)] == name {
			_ = os.Truncate(name, 0)
		}
		return nil
	})
	return fakevm.Remove(target)
}

func (t *tree) clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := t.remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
