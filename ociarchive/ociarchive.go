// Package ociarchive packs the tree of a container into an OCI image archive.
//
// The tree arrives as an uncompressed tar stream and becomes the image's only
// layer, written straight to its place in the archive: one pass, one copy on
// disk, and memory that does not grow with the tree. The layer holds the same
// files as the stream, less what must not outlive the container (see [Write]),
// and is not the same byte for byte.
package ociarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is all of an image but its tree.
type Image struct {
	// Reference is the name and tag the image is to have where it is loaded.
	// A loader takes the tag away from an image that has it already.
	Reference string
	// Platform needs an architecture and an OS.
	Platform ocispec.Platform
	Created  time.Time
	Author   string
	// Comment is of the step that made this tree, the last of the history.
	Comment string
	// Config is what a container of the image starts with. Its variables
	// become part of the image: those that are secret are not to be in it.
	Config dockerspec.DockerOCIImageConfig
	// Scratch are directories whose content is left out besides that of /tmp,
	// /var/tmp and /run.
	Scratch []string
	// Whole keeps those too, and leaves out only what Drop says.
	Whole bool
	// Drop reports whether an entry, by its clean name, is left out. It may be
	// nil.
	Drop func(*tar.Header) bool
	// CreatedBy names that step; empty means a commit.
	CreatedBy string
	// History is the steps before, oldest first. All are marked as empty:
	// what they did to the tree is in the one layer.
	History []ocispec.History
}

// Summary is what Write wrote.
type Summary struct {
	// Manifest is what the image is known by, Config what docker calls its ID.
	Manifest, Config, Layer digest.Digest
	// LayerSize is the size of the tree as a tar, Size that of the archive.
	LayerSize, Size int64
}

// Write packs tree into f, which is empty and open for writing. Tree is a tar
// of a root directory, with names that are relative, start with "./" or are
// absolute: the output of container export, or of tar. It is read to its end,
// past the end of the archive. Write returns when ctx ends, except from a Read
// of tree that goes on blocking: pipes of package os do not.
//
// What the layer does not get: what is in /tmp, /var/tmp, /run and at the top
// in /lost+found, while the first three themselves stay; and the lines in
// /etc/hosts and /etc/resolv.conf that net says are of the runtime. A hard
// link to a file that is left out becomes the file, and so, until it is known
// that there is none, the files that are left out are kept in an unnamed file
// next to f.
//
// An entry that a layer cannot hold, and a tree that ends early, is an error.
// After an error f holds nothing of use, and is still the caller's to remove.
func Write(ctx context.Context, f *os.File, tree io.Reader, image Image, net Network) (Summary, error) {
	if err := image.check(); err != nil {
		return Summary{}, err
	}
	a := &archive{f: f, modTime: image.Created}
	if err := a.start(); err != nil {
		return Summary{}, err
	}
	layer, err := a.layer(func(w io.Writer) error {
		return image.packer(net, filepath.Dir(f.Name())).pack(ctx, w, tree)
	})
	if err != nil {
		return Summary{}, err
	}
	config, err := a.blob(ocispec.MediaTypeImageConfig, image.config(layer.Digest))
	if err != nil {
		return Summary{}, err
	}
	manifest, err := a.blob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{layer},
	})
	if err != nil {
		return Summary{}, err
	}
	manifest.Annotations = image.annotations()
	if err := a.finish(manifest, dockerManifest{
		Config:   blobName(config.Digest),
		RepoTags: []string{image.Reference},
		Layers:   []string{blobName(layer.Digest)},
	}); err != nil {
		return Summary{}, err
	}
	return Summary{
		Manifest:  manifest.Digest,
		Config:    config.Digest,
		Layer:     layer.Digest,
		LayerSize: layer.Size,
		Size:      a.size,
	}, nil
}

func (i Image) packer(net Network, dir string) *packer {
	p := &packer{aside: aside{dir: dir}, net: net, drop: i.Drop}
	if !i.Whole {
		p.aside.scratch = newScratch(i.Scratch)
	}
	return p
}

// check finds out before the tree is read what a loader would find out after.
func (i Image) check() error {
	ref, err := reference.ParseNormalizedNamed(i.Reference)
	if err != nil {
		return fmt.Errorf("image %q: %w", i.Reference, err)
	}
	if _, ok := ref.(reference.Tagged); !ok {
		return fmt.Errorf("image %q: a tag is needed", i.Reference)
	}
	if i.Platform.OS == "" || i.Platform.Architecture == "" {
		return fmt.Errorf("image %q: OS and architecture are needed", i.Reference)
	}
	return nil
}

func (i Image) config(layer digest.Digest) dockerspec.DockerOCIImage {
	created := i.Created.UTC()
	createdBy := i.CreatedBy
	if createdBy == "" {
		createdBy = "docker bottle commit"
	}
	var history []ocispec.History
	for _, step := range i.History {
		step.EmptyLayer = true
		history = append(history, step)
	}
	return dockerspec.DockerOCIImage{
		Image: ocispec.Image{
			Created:  &created,
			Author:   i.Author,
			Platform: i.Platform,
			RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer}},
			History: append(history, ocispec.History{
				Created:   &created,
				CreatedBy: createdBy,
				Author:    i.Author,
				Comment:   i.Comment,
			}),
		},
		Config: i.Config,
	}
}

// annotations name the image to a loader. The first is Apple's, which reads
// the other two as well, the second containerd's, the third OCI's own.
func (i Image) annotations() map[string]string {
	return map[string]string{
		"com.apple.containerization.image.name": i.Reference,
		"io.containerd.image.name":              i.Reference,
		ocispec.AnnotationRefName:               i.Reference,
	}
}

// dockerManifest is the entry of manifest.json, the table of contents of a
// docker archive. Engines before 25 read only that; with it they load the
// same blobs. Loaders of OCI archives pass over it, as docker save has written
// both since 25.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// marshal is json.Marshal, without its escapes for the sake of HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
