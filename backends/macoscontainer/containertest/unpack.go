//go:build linux

package containertest

import (
	"archive/tar"
	"compress/gzip"
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

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// layerTypes are the media types that can be unpacked, and how.
var layerTypes = map[string]string{
	ocispec.MediaTypeImageLayer:                         "",
	ocispec.MediaTypeImageLayerGzip:                     "gzip",
	ocispec.MediaTypeImageLayerZstd:                     "zstd",
	"application/vnd.docker.image.rootfs.diff.tar":      "",
	"application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
}

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

// unpack makes a container's root from an image.
func (s settings) unpack(v variant, root string) error {
	t := &tree{root: root, version: s.server, asRoot: os.Geteuid() == 0, times: map[string]time.Time{}, owners: map[uint64]string{}}
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(root, "lost+found"), 0o700); err != nil {
		return err
	}
	for _, layer := range v.manifest.Layers {
		if err := s.unpackLayer(t, layer); err != nil {
			return err
		}
	}
	for dir, mtime := range t.times {
		if err := os.Chtimes(dir, mtime, mtime); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s settings) unpackLayer(t *tree, layer ocispec.Descriptor) error {
	compression, ok := layerTypes[layer.MediaType]
	if !ok {
		return failed("unsupported", "media type %s not supported.", layer.MediaType)
	}
	f, err := os.Open(s.blobPath(layer.Digest))
	if err != nil {
		return failed("notFound", "content with digest %s", layer.Digest)
	}
	defer f.Close()
	r, err := decompress(f, compression)
	if err != nil {
		return spin(err)
	}
	return t.apply(tar.NewReader(r))
}

func decompress(r io.Reader, compression string) (io.Reader, error) {
	switch compression {
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return r, nil
}

// spin is what the real tool does with a layer that is cut off or garbled: it
// never returns.
func spin(error) error {
	for {
		time.Sleep(time.Hour)
	}
}

func (t *tree) apply(r *tar.Reader) error {
	t.links = nil
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return spin(err)
		}
		if err := t.entry(h, r); err != nil {
			return err
		}
	}
	for _, h := range t.links { // once everything that they may point at exists
		if err := t.link(h); err != nil {
			return err
		}
	}
	return nil
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
		return t.owner(target, h) // neither the time nor the xattrs are changed
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
	return remove(target)
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

func (t *tree) owner(target string, h *tar.Header) error {
	if t.asRoot {
		if err := os.Lchown(target, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	return unix.Chmod(target, uint32(h.Mode)&0o7777)
}

// xattrRoom is what fits behind an inode and in one more block.
const xattrRoom = 4096 + 96

func (t *tree) attributes(target string, h *tar.Header) error {
	if err := t.owner(target, h); err != nil {
		return err
	}
	size := 0
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok {
			continue
		}
		if size += len(name) + len(value) + 16; size > xattrRoom {
			return fmt.Errorf("insufficientSpace(%q)", "/"+h.Name)
		}
		// Without root, only the user's own xattrs can be kept.
		if err := unix.Lsetxattr(target, name, []byte(value), 0); err != nil && t.asRoot {
			return fmt.Errorf("%s: xattr %s: %w", h.Name, name, err)
		}
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	when := unix.NsecToTimespec(h.ModTime.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, target, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}
