//go:build linux

package containertest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// packer writes a root as the exporter does.
type packer struct {
	root string
	out  *tar.Writer
	// content reads a file's data.
	content func(*os.File, int64) io.Reader
	// lost, if it is set, is when what was written began to be lost.
	lost  time.Time
	seen  map[uint64]string
	links []*tar.Header
}

// pack writes the tree below root: breadth first, without the root itself,
// the hard links last and in no order.
func pack(root string, out io.Writer, content func(*os.File, int64) io.Reader) error {
	return packLost(root, out, content, time.Time{})
}

// packLost does that without the files that were changed after a time.
func packLost(root string, out io.Writer, content func(*os.File, int64) io.Reader, lost time.Time) error {
	p := &packer{root: root, out: tar.NewWriter(out), content: content, lost: lost, seen: map[uint64]string{}}
	queue := []string{"."}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed by a running program
		}
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if entry.IsDir() {
				queue = append(queue, name)
			}
			if err := p.add(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	rand.Shuffle(len(p.links), func(i, j int) { p.links[i], p.links[j] = p.links[j], p.links[i] })
	for _, h := range p.links {
		if err := p.out.WriteHeader(h); err != nil {
			return err
		}
	}
	return p.out.Close()
}

func (p *packer) add(name string) error {
	file := filepath.Join(p.root, name)
	h, inode, err := fakevm.Header(p.root, name)
	if err != nil || h == nil {
		return err
	}
	if lost, err := p.loses(file, h); err != nil || lost {
		return err
	}
	if inode != 0 {
		if first, ok := p.seen[inode]; ok {
			p.links = append(p.links, restrict(&tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: first, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime}))
			return nil
		}
		p.seen[inode] = name
	}
	if h.PAXRecords, err = xattrs(file); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return p.out.WriteHeader(restrict(h))
	}
	return p.file(file, restrict(h))
}

func (p *packer) loses(file string, h *tar.Header) (bool, error) {
	if p.lost.IsZero() || h.Typeflag == tar.TypeDir {
		return false, nil
	}
	var stat unix.Stat_t
	err := unix.Lstat(file, &stat)
	return time.Unix(stat.Ctim.Unix()).After(p.lost), err
}

// file writes a file, which a running program may be changing: what is
// missing at its end is filled up, what is too much is left out.
func (p *packer) file(name string, h *tar.Header) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.out.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(p.out, io.MultiReader(p.content(f, h.Size), zeros{}), h.Size)
	return err
}

// restrict uses a pax header only where ustar has no room. Only then is there
// more to the time than its seconds.
func restrict(h *tar.Header) *tar.Header {
	const most = 0o7777777
	if len(h.PAXRecords) > 0 || !fits(h.Name) || len(h.Linkname) > 100 || !ascii(h.Linkname) || h.Uid > most || h.Gid > most || h.Size >= 1<<33 {
		h.Format = tar.FormatPAX
		return h
	}
	h.Format = tar.FormatUSTAR
	h.ModTime = h.ModTime.Truncate(time.Second)
	return h
}

// fits reports whether a name can be split into ustar's prefix and name.
func fits(name string) bool {
	if !ascii(name) || len(name) > 256 {
		return false
	}
	if len(name) <= 100 {
		return true
	}
	i := strings.LastIndexByte(name[:min(156, len(name)-1)], '/')
	return i > 0 && len(name)-i-1 <= 100
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func xattrs(file string) (map[string]string, error) {
	size, err := unix.Llistxattr(file, nil)
	if errors.Is(err, unix.ENOTSUP) || size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	if size, err = unix.Llistxattr(file, buf); err != nil {
		return nil, err
	}
	records := map[string]string{}
	for name := range bytes.SplitSeq(bytes.TrimRight(buf[:size], "\x00"), []byte{0}) {
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(file, string(name), value)
		if err != nil {
			return nil, err
		}
		records["SCHILY.xattr."+string(name)] = string(value[:n])
	}
	return records, nil
}

// zeros reads as NUL for ever.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// plain reads what is in a file.
func plain(f *os.File, _ int64) io.Reader { return f }

// extents reads a file as the real exporter does: the extents that have data,
// one after the other, wherever in the file they belong. The holes between
// them vanish, and everything after a hole moves up.
func extents(f *os.File, size int64) io.Reader {
	var parts []io.Reader
	for offset := int64(0); offset < size; {
		start, err := unix.Seek(int(f.Fd()), offset, unix.SEEK_DATA)
		if err != nil {
			break // ENXIO: only a hole is left
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err != nil || end <= start {
			break
		}
		parts = append(parts, io.NewSectionReader(f, start, end-start))
		offset = end
	}
	return io.MultiReader(parts...)
}
