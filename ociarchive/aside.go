package ociarchive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// aside has the files that are left out. Only a later hard link shows that
// one of them is a file of the tree too, under its other name: in an export,
// links come last and lead to the path nearest to the root, which may well be
// the one in /tmp. So the files wait in a file of their own. They have to be
// found again only if such a link comes, by reading that file once more, and
// so memory is needed for those links alone.
type aside struct {
	dir     string
	scratch scratch
	f       *os.File
	removed bool
	buf     *bufio.Writer
	files   *layer
	links   []*tar.Header
	names   map[string]bool // of the links
}

// keep puts an entry aside. A directory has no links; a hard link has a file,
// here or in the layer, and other links lead there.
func (a *aside) keep(hdr *tar.Header, content io.Reader) error {
	if hdr.Typeflag == tar.TypeDir || hdr.Typeflag == tar.TypeLink {
		return nil
	}
	if a.f == nil {
		f, err := os.CreateTemp(a.dir, ".ociarchive-*")
		if err != nil {
			return err
		}
		// Gone with the process, even if it is killed. Some systems do not
		// remove a file that is open: there it is for Close to do.
		a.f, a.removed = f, os.Remove(f.Name()) == nil
		a.buf = bufio.NewWriterSize(f, bufferSize)
		a.files = newLayer(a.buf)
	}
	return a.files.write(hdr, content)
}

// has reports whether what the name stands for is not yet in the layer.
func (a *aside) has(name string) bool { return a.scratch.has(name) || a.names[name] }

// link puts a hard link aside, to something that is there.
func (a *aside) link(hdr *tar.Header) {
	if a.names == nil {
		a.names = map[string]bool{}
	}
	a.links = append(a.links, hdr)
	a.names[hdr.Name] = true
}

// restore appends the links to the layer. The first link to a file becomes
// the file, and the others lead to it.
func (a *aside) restore(l *layer) error {
	files := map[string]string{} // by the name that is left out
	for _, hdr := range a.links {
		if _, ok := files[hdr.Linkname]; !ok && a.scratch.has(hdr.Linkname) {
			files[hdr.Linkname] = hdr.Name
		}
	}
	found, err := a.restoreFiles(l, files)
	if err != nil {
		return err
	}
	for _, hdr := range a.links {
		if name, ok := files[hdr.Linkname]; ok {
			if !found[hdr.Linkname] {
				return fmt.Errorf("pack %q: hard link to %q, which is not in the tree", hdr.Name, hdr.Linkname)
			}
			if name == hdr.Name {
				continue
			}
			hdr.Linkname = name
		}
		if err := l.write(hdr, nil); err != nil {
			return fmt.Errorf("pack %q: %w", hdr.Name, err)
		}
	}
	return nil
}

// restoreFiles appends files to the layer under their new names, and returns
// which it found.
func (a *aside) restoreFiles(l *layer, files map[string]string) (found map[string]bool, err error) {
	if len(files) == 0 || a.f == nil {
		return nil, nil
	}
	if err := errors.Join(a.files.Close(), a.buf.Flush()); err != nil {
		return nil, err
	}
	if _, err := a.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	found = map[string]bool{}
	for r := tar.NewReader(bufio.NewReaderSize(a.f, bufferSize)); ; {
		hdr, err := r.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		name, ok := files[hdr.Name]
		if !ok {
			continue
		}
		found[hdr.Name] = true
		hdr, err = entry(hdr)
		if err != nil {
			return nil, err
		}
		hdr.Name = name
		if err := l.write(hdr, r); err != nil {
			return nil, fmt.Errorf("pack %q: %w", name, err)
		}
	}
}

// Close drops all that is there.
func (a *aside) Close() {
	if a.f == nil {
		return
	}
	a.f.Close()
	if !a.removed {
		os.Remove(a.f.Name())
	}
}
