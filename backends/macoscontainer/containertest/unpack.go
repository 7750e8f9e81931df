//go:build linux

package containertest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
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
