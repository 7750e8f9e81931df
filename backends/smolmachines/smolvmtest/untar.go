//go:build linux

package smolvmtest

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

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// tree is a root that an archive is unpacked into.
type tree struct {
	root string
	// dirs and links are finished at the end: files that are added change a
	// directory's time, and a link may come before its target.
	dirs, links []*tar.Header
}

// untar unpacks a whole tree with owners, modes and times.
func untar(r io.Reader, root string) error {
	t := &tree{root: root}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return t.finish()
		}
		if err != nil {
			return err
		}
		if err := t.entry(h, archive); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func (t *tree) entry(h *tar.Header, r io.Reader) error {
	target, err := t.place(h.Name)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.Mkdir(target, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		t.dirs = append(t.dirs, h)
		return nil
	case tar.TypeReg:
		err = write(target, r)
	case tar.TypeSymlink:
		err = os.Symlink(h.Linkname, target)
	case tar.TypeLink:
		t.links = append(t.links, h)
		return nil
	default:
		return nil // devices, FIFOs and sockets are skipped
	}
	if err != nil {
		return err
	}
	return attributes(target, h)
}

// place returns where an entry goes, and makes the directories above it.
func (t *tree) place(name string) (string, error) {
	clean := path.Clean("/" + name)
	parent, err := fakevm.Scoped(t.root, path.Dir(clean))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, path.Base(clean)), os.MkdirAll(parent, 0o755)
}

func write(target string, r io.Reader) error {
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Close()
}

func (t *tree) finish() error {
	for _, h := range t.links {
		target, err := t.place(h.Name)
		if err != nil {
			return err
		}
		old, err := t.place(h.Linkname)
		if err != nil {
			return err
		}
		if err := os.Link(old, target); err != nil {
			return err
		}
	}
	for _, h := range t.dirs {
		target, err := t.place(h.Name)
		if err != nil {
			return err
		}
		if err := attributes(target, h); err != nil {
			return err
		}
	}
	return nil
}

func attributes(target string, h *tar.Header) error {
	if err := fakevm.SetOwner(target, h); err != nil {
		return err
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			_ = unix.Lsetxattr(target, name, []byte(value), 0) // not every file system has them
		}
	}
	return fakevm.SetTime(target, h)
}
