package ociarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
)

// Layer writes the tree to w as a layer, whole but for what image.Drop says:
// the part of an archive that is large, for an engine that takes it by itself.
// It reads the tree as [Write] does, and what is in w after an error is of no
// use.
func Layer(ctx context.Context, w io.Writer, tree io.Reader, image Image) error {
	image.Whole = true
	return image.packer(Network{}, "").pack(ctx, w, tree)
}

// Config returns an archive of the image without its layer, and the digest of
// its config. An engine with a classic image store that has the layer, by the
// digest of its tar, does not look for it in the archive; one that has not
// refuses the archive.
func Config(image Image, layer digest.Digest) ([]byte, digest.Digest, error) {
	if err := image.check(); err != nil {
		return nil, "", err
	}
	config, err := marshal(image.config(layer))
	if err != nil {
		return nil, "", err
	}
	sum := digest.FromBytes(config)
	contents, err := marshal([]dockerManifest{{
		Config:   sum.Encoded() + ".json",
		RepoTags: []string{image.Reference},
		Layers:   []string{"layer.tar"}, // one for each in the config
	}})
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, file := range []struct {
		name    string
		content []byte
	}{{sum.Encoded() + ".json", config}, {"manifest.json", contents}} {
		hdr := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: 0o644, Size: int64(len(file.content)), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(hdr); err != nil {
			return nil, "", err
		}
		if _, err := w.Write(file.content); err != nil {
			return nil, "", err
		}
	}
	err = w.Close()
	return b.Bytes(), sum, err
}
