//go:build linux

package containertest

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func imageSaveCommand() *command {
	return &command{
		path:       "image save",
		about:      "Save one or more images as an OCI compatible tar archive",
		options:    "-a --arch <arch>\n--os <os>\n--platform <platform>\n-o --output <output>",
		args:       "<references>...",
		configured: true,
		run:        runImageSave,
	}
}

// runImageSave writes a layout with all blobs of the images.
func runImageSave(c *call) error {
	images, err := c.images()
	if err != nil {
		return err
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	var blobs []digest.Digest
	for _, ref := range c.args {
		i, ok, err := lookup(images, ref)
		if err == nil && !ok {
			err = failed("notFound", "image not found: %s", ref)
		}
		if err != nil {
			return err
		}
		top, all, err := c.saved(i)
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, top)
		blobs = append(blobs, all...)
	}
	out, names := os.Stdout, os.Stderr
	if c.has("output") {
		if out, err = os.Create(c.last("output")); err != nil {
			return err
		}
		defer out.Close()
		names = os.Stdout
	} else if !c.cli.atLeast(1, 1, 0) {
		names = os.Stdout // behind the archive: apple/container#1801
	}
	if err := c.writeLayout(out, index, blobs); err != nil {
		return err
	}
	_, err = names.WriteString(strings.Join(c.args, "\n") + "\n")
	return err
}

// saved returns what of an image goes into an archive. With a platform that
// is an index of only that.
func (c *call) saved(i image) (ocispec.Descriptor, []digest.Digest, error) {
	top := i.Descriptor
	var all []variant
	var err error
	if c.has("platform") || c.has("arch") || c.has("os") {
		p, err := c.platform()
		if err != nil {
			return top, nil, err
		}
		v, err := c.variant(top, p)
		if err != nil {
			return top, nil, failed("notFound", "image %s has no content for platform %s", i.Reference, p)
		}
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{v.descriptor}}
		index.SchemaVersion = 2
		if top, err = c.addBlob(ocispec.MediaTypeImageIndex, index); err != nil {
			return top, nil, err
		}
		all = []variant{v}
	} else if all, err = c.variants(top); err != nil {
		return top, nil, err
	}
	blobs := []digest.Digest{top.Digest}
	for _, v := range all {
		blobs = append(blobs, v.descriptor.Digest, v.manifest.Config.Digest)
		for _, layer := range v.manifest.Layers {
			blobs = append(blobs, layer.Digest)
		}
	}
	top.Annotations = map[string]string{}
	for _, key := range nameAnnotations {
		top.Annotations[key] = i.Reference
	}
	return top, blobs, nil
}

func (c *call) writeLayout(out io.Writer, index ocispec.Index, blobs []digest.Digest) error {
	w := tar.NewWriter(out)
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{ocispec.ImageLayoutFile: `{"imageLayoutVersion":"1.0.0"}`, ocispec.ImageIndexFile: string(data)} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	written := map[digest.Digest]bool{}
	for _, d := range blobs {
		if written[d] {
			continue
		}
		written[d] = true
		if err := c.writeBlob(w, d); err != nil {
			return err
		}
	}
	return w.Close()
}

func (c *call) writeBlob(w *tar.Writer, d digest.Digest) error {
	f, err := os.Open(c.blobPath(d))
	if err != nil {
		return failed("notFound", "content with digest %s", d)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "blobs/sha256/" + d.Encoded(), Mode: 0o644, Size: info.Size()}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
