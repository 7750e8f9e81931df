package ociarchive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ErrPlatform is matched by the error of an image that is for other machines.
var ErrPlatform = errors.New("made for another platform")

// Convert copies the archive of an image, from docker save or in the OCI
// layout, to dst in the form of docker save, which every loader knows. It
// takes the image of linux and the given architecture; the config that it
// writes lacks the given fields ("User"), the one that it returns is whole.
// The layers are streamed, and copied as they are.
func Convert(ctx context.Context, dst io.Writer, src io.Reader, architecture string, drop ...string) (dockerspec.DockerOCIImage, error) {
	c := converter{out: tar.NewWriter(dst), documents: map[string][]byte{}, blobs: map[string]bool{}, links: map[string]string{}}
	if err := c.copyBlobs(ctx, src); err != nil {
		return dockerspec.DockerOCIImage{}, err
	}
	image, raw, err := c.find(architecture)
	if err != nil {
		return image.config, err
	}
	return image.config, c.finish(image.layers, raw, drop)
}

// maxDocument is more than any config or manifest has.
const maxDocument = 4 << 20

// converter is one conversion. Where the image's documents are in the stream
// is known only when all of it was read, so what may be one is kept.
type converter struct {
	out       *tar.Writer
	documents map[string][]byte // by its name in src: not written yet
	blobs     map[string]bool   // by its name in src: written
	links     map[string]string // to files that have another name too
}

func (c *converter) copyBlobs(ctx context.Context, src io.Reader) error {
	in := tar.NewReader(src)
	for {
		h, err := in.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the image's archive: %w", err)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			err = c.file(name, h.Size, bufio.NewReader(in))
		case tar.TypeSymlink: // a layer that is there twice
			c.links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			c.links[name] = path.Clean(h.Linkname)
		}
		if err != nil {
			return err
		}
	}
}

func (c *converter) file(name string, size int64, content *bufio.Reader) error {
	first, _ := content.Peek(1)
	if size <= maxDocument && (bytes.Equal(first, []byte("{")) || bytes.Equal(first, []byte("["))) {
		data, err := io.ReadAll(content)
		c.documents[name] = data
		return err
	}
	c.blobs[name] = true
	return c.write(name, size, content)
}

// resolve returns the name that a file was found under. Links are not written:
// not every loader follows them, and what they lead to may not be.
func (c *converter) resolve(name string) string {
	name = path.Clean(name)
	for range c.links {
		if to, ok := c.links[name]; ok {
			name = to
		}
	}
	return name
}

func (c *converter) write(name string, size int64, content io.Reader) error {
	if err := c.out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(c.out, content)
	return err
}

// found is an image in the archive.
type found struct {
	config dockerspec.DockerOCIImage
	layers []string
}

// find returns the image for the architecture, and its config as it is written.
func (c *converter) find(architecture string) (found, []byte, error) {
	all, err := c.images()
	if err != nil {
		return found{}, nil, err
	}
	var others []string
	var lacks error
	for _, entry := range all {
		raw, ok := c.documents[c.resolve(entry.Config)]
		if !ok {
			lacks = fmt.Errorf("the image's archive lacks its config %s", entry.Config)
			continue // it may be that of another platform
		}
		image := found{layers: entry.Layers}
		if err := json.Unmarshal(raw, &image.config); err != nil {
			return found{}, nil, fmt.Errorf("the image's config: %w", err)
		}
		if image.config.OS == "linux" && image.config.Architecture == architecture {
			return image, raw, nil
		}
		others = append(others, image.config.OS+"/"+image.config.Architecture)
	}
	if lacks != nil {
		return found{}, nil, lacks
	}
	return found{}, nil, fmt.Errorf("%w: the image is for %s, and linux/%s is needed", ErrPlatform, strings.Join(others, ", "), architecture)
}

// images lists what the archive says it holds.
func (c *converter) images() (all []dockerManifest, err error) {
	if manifest, ok := c.documents["manifest.json"]; ok {
		err := json.Unmarshal(manifest, &all)
		return all, err
	}
	index, ok := c.documents["index.json"]
	if !ok {
		return nil, errors.New("not an image's archive: it has neither manifest.json nor index.json")
	}
	return all, c.walk(index, &all)
}

// walk adds the images of an index, and of the indexes in it.
func (c *converter) walk(index []byte, all *[]dockerManifest) error {
	var list ocispec.Index
	if err := json.Unmarshal(index, &list); err != nil {
		return err
	}
	for _, d := range list.Manifests {
		if err := d.Digest.Validate(); err != nil {
			return fmt.Errorf("the image's index: %q: %w", d.Digest, err)
		}
		data, ok := c.documents[blobName(d.Digest)]
		if !ok {
			continue // of another platform, and not saved
		}
		var manifest ocispec.Manifest
		if err := json.Unmarshal(data, &manifest); err != nil {
			return err
		}
		if manifest.Config.Digest == "" {
			if err := c.walk(data, all); err != nil {
				return err
			}
			continue
		}
		for _, blob := range append(manifest.Layers, manifest.Config) {
			if err := blob.Digest.Validate(); err != nil {
				return fmt.Errorf("the image's manifest: %q: %w", blob.Digest, err)
			}
		}
		entry := dockerManifest{Config: blobName(manifest.Config.Digest)}
		for _, layer := range manifest.Layers {
			entry.Layers = append(entry.Layers, blobName(layer.Digest))
		}
		*all = append(*all, entry)
	}
	return nil
}

// finish writes what makes the blobs an image.
func (c *converter) finish(layers []string, config []byte, drop []string) error {
	for i, name := range layers {
		name = c.resolve(name)
		layers[i] = name
		data, kept := c.documents[name] // a layer whose first file's name begins like one
		if kept {
			if err := c.write(name, int64(len(data)), bytes.NewReader(data)); err != nil {
				return err
			}
			delete(c.documents, name)
			c.blobs[name] = true
		}
		if !c.blobs[name] {
			return fmt.Errorf("the image's archive lacks its layer %s", name)
		}
	}
	config, err := without(config, drop)
	if err != nil {
		return err
	}
	name := digest.FromBytes(config).Encoded() + ".json"
	manifest, err := json.Marshal([]dockerManifest{{Config: name, Layers: layers}})
	if err != nil {
		return err
	}
	for _, document := range []struct {
		name string
		data []byte
	}{{name, config}, {"manifest.json", manifest}} {
		if err := c.write(document.name, int64(len(document.data)), bytes.NewReader(document.data)); err != nil {
			return err
		}
	}
	return c.out.Close()
}

// without takes fields out of an image's config, and leaves the rest as it is.
func without(raw []byte, drop []string) ([]byte, error) {
	var image, config map[string]json.RawMessage
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, err
	}
	if c, ok := image["config"]; ok {
		if err := json.Unmarshal(c, &config); err != nil {
			return nil, fmt.Errorf("the image's config: %w", err)
		}
		for _, name := range drop {
			delete(config, name)
		}
		var err error
		if image["config"], err = json.Marshal(config); err != nil {
			return nil, err
		}
	}
	return json.Marshal(image)
}
