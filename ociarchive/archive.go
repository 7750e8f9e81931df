package ociarchive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	blockSize  = 512
	bufferSize = 1 << 20
)

// archive is a tar that is being written, size bytes so far.
type archive struct {
	f       *os.File
	size    int64
	modTime time.Time
}

// Write appends to the archive.
func (a *archive) Write(p []byte) (int, error) {
	n, err := a.f.WriteAt(p, a.size)
	a.size += int64(n)
	return n, err
}

// start writes what does not depend on the tree.
func (a *archive) start() error {
	w := tar.NewWriter(a)
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		hdr := &tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: a.modTime}
		if err := w.WriteHeader(hdr); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return a.json(ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
}

// layer appends a blob with what write writes. The header, which holds the
// digest and the size, comes first in a tar: its place is left free and
// written to at the end.
func (a *archive) layer(write func(io.Writer) error) (ocispec.Descriptor, error) {
	place := a.size
	a.size += blockSize
	w := newHashWriter(a)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	sum := w.Close()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer,
		Digest:    sum,
		Size:      a.size - place - blockSize,
	}
	hdr, err := layerHeader(blobName(desc.Digest), desc.Size, a.modTime)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if _, err := a.f.WriteAt(hdr, place); err != nil {
		return ocispec.Descriptor{}, err
	}
	// The next header starts at a block; a tar is made of whole ones, but it
	// is not for this function to know that it was one.
	a.size += -a.size & (blockSize - 1)
	return desc, nil
}

// layerHeader returns a header of exactly one block. Only the GNU format has
// room in it for sizes from 8 GiB on.
func layerHeader(name string, size int64, modTime time.Time) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg,
		Name:     name,
		Size:     size,
		Mode:     0o644,
		ModTime:  modTime,
		Format:   tar.FormatGNU,
	})
	if err != nil {
		return nil, err
	}
	if b.Len() != blockSize {
		return nil, fmt.Errorf("header of %s has %d bytes, not %d", name, b.Len(), blockSize)
	}
	return b.Bytes(), nil
}

// blob appends v as a blob.
func (a *archive) blob(mediaType string, v any) (ocispec.Descriptor, error) {
	b, err := marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	return desc, a.file(blobName(desc.Digest), b)
}

// json appends v as a file.
func (a *archive) json(name string, v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	return a.file(name, b)
}

func (a *archive) file(name string, content []byte) error {
	w := tar.NewWriter(a)
	hdr := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: a.modTime}
	if err := w.WriteHeader(hdr); err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Flush() // pads, and writes no end-of-archive marker
}

// finish writes what names the image, and the end of the archive. Manifest is
// listed by itself: Apple's store does not look into nested indexes when it
// collects garbage.
func (a *archive) finish(manifest ocispec.Descriptor, docker dockerManifest) error {
	err := a.json(ocispec.ImageIndexFile, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{manifest},
	})
	if err != nil {
		return err
	}
	if err := a.json("manifest.json", []dockerManifest{docker}); err != nil {
		return err
	}
	return tar.NewWriter(a).Close()
}

func blobName(d digest.Digest) string {
	return "blobs/" + d.Algorithm().String() + "/" + d.Encoded()
}
