//go:build linux

package containertest

import (
	"compress/gzip"
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// commit stores the root as one layer.
func (c *call) commit(b *builder, tags []string) error {
	layer, diff, err := c.layer(b.root)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	b.image.Created = &now
	b.image.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diff}}
	b.image.History = append(b.image.History, ocispec.History{Created: &now, CreatedBy: "containertest build"})
	return c.changeImages(func(images []image) ([]image, error) {
		config, err := c.addBlob(ocispec.MediaTypeImageConfig, b.image)
		if err != nil {
			return nil, err
		}
		m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer}}
		m.SchemaVersion = 2
		manifest, err := c.addBlob(ocispec.MediaTypeImageManifest, m)
		if err != nil {
			return nil, err
		}
		manifest.Platform = &ocispec.Platform{OS: b.image.OS, Architecture: b.image.Architecture, Variant: b.image.Variant}
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{manifest}}
		index.SchemaVersion = 2
		top, err := c.addBlob(ocispec.MediaTypeImageIndex, index)
		if err != nil {
			return nil, err
		}
		for _, tag := range tags {
			top.Annotations = map[string]string{nameAnnotations[0]: tag, nameAnnotations[1]: tag}
			images = put(images, image{Reference: tag, Descriptor: top, Created: now})
		}
		return images, nil
	})
}

// layer packs a root into a compressed blob, as BuildKit does.
func (c *call) layer(root string) (ocispec.Descriptor, digest.Digest, error) {
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}
	tmp, err := os.CreateTemp(c.root, "layer")
	if err != nil {
		return d, "", err
	}
	defer os.Remove(tmp.Name())
	plainHash, packedHash := sha256.New(), sha256.New()
	packed, _ := gzip.NewWriterLevel(io.MultiWriter(tmp, packedHash), gzip.BestSpeed)
	if err := pack(root, io.MultiWriter(packed, plainHash), plain); err != nil {
		return d, "", err
	}
	if err := packed.Close(); err != nil {
		return d, "", err
	}
	if d.Size, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return d, "", err
	}
	if err := tmp.Close(); err != nil {
		return d, "", err
	}
	d.Digest = digestOf(packedHash)
	if err := os.MkdirAll(filepath.Dir(c.blobPath(d.Digest)), 0o755); err != nil {
		return d, "", err
	}
	return d, digestOf(plainHash), os.Rename(tmp.Name(), c.blobPath(d.Digest))
}

func digestOf(h hash.Hash) digest.Digest { return digest.NewDigest(digest.SHA256, h) }
