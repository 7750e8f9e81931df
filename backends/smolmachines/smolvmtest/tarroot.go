//go:build linux

package smolvmtest

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// tarRoot writes a root as the guest's tar does, which is busybox's: owners
// and modes are kept, xattrs and the fractions of seconds are lost.
func tarRoot(root string, out io.Writer) error {
	w := tar.NewWriter(out)
	seen := map[uint64]string{}
	err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		h, inode, err := fakevm.Header(root, name)
		if err != nil || h == nil {
			return err
		}
		h.Format, h.ModTime = tar.FormatGNU, h.ModTime.Truncate(time.Second)
		if first, ok := seen[inode]; ok && inode != 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		}
		seen[inode] = name
		if err := w.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
