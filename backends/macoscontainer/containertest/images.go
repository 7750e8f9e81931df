//go:build linux

package containertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// nameAnnotations are where an archive may have an image's name, in the order
// in which they are asked.
var nameAnnotations = []string{
	"com.apple.containerization.image.name",
	"io.containerd.image.name",
	"org.opencontainers.image.ref.name",
}

// image is a name in the store.
type image struct {
	Reference  string             `json:"reference"`
	Descriptor ocispec.Descriptor `json:"descriptor"`
	Created    time.Time          `json:"created"`
}

func (s settings) images() ([]image, error) {
	var images []image
	err := fakevm.ReadJSON(s.path("state.json"), &images)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return images, err
}

// changeImages replaces the list of images by what change makes of it. Images
// have a service of their own, which an export does not keep busy.
func (s settings) changeImages(change func([]image) ([]image, error)) error {
	unlock, err := s.lock("images", 0)
	if err != nil {
		return err
	}
	defer unlock()
	images, err := s.images()
	if err != nil {
		return err
	}
	if images, err = change(images); err != nil {
		return err
	}
	return fakevm.WriteJSON(s.path("state.json"), images)
}

// put adds an image, or points its name at another one.
func put(images []image, added image) []image {
	images = slices.DeleteFunc(images, func(i image) bool { return i.Reference == added.Reference })
	return append(images, added)
}

// lookup finds an image as the real store does. What an image's descriptor
// says it is called counts more than the name that it is stored under.
func lookup(images []image, text string) (image, bool, error) {
	ref, err := parseReference(text)
	if err != nil {
		return image{}, false, err
	}
	var named []image
	for _, i := range images {
		if i.Descriptor.Annotations[nameAnnotations[0]] == ref.tagged().String() {
			named = append(named, i)
		}
	}
	for _, i := range named {
		if len(named) == 1 || i.Reference == ref.tagged().String() {
			return i, true, nil
		}
	}
	for _, i := range images {
		if i.Reference == text || i.Reference == ref.normalized().String() {
			return i, true, nil
		}
	}
	return image{}, false, nil
}

func (s settings) blobPath(d digest.Digest) string {
	return s.path("content", "blobs", "sha256", strings.TrimPrefix(string(d), "sha256:"))
}

func (s settings) stored(d digest.Digest) bool {
	_, err := os.Stat(s.blobPath(d))
	return err == nil
}

// blob reads the JSON content with that digest.
func (s settings) blob(d digest.Digest, into any) error {
	err := fakevm.ReadJSON(s.blobPath(d), into)
	if errors.Is(err, fs.ErrNotExist) {
		return failed("notFound", "content with digest %s", d)
	}
	return err
}

// addBlob stores JSON content and describes it.
func (s settings) addBlob(mediaType string, value any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := os.MkdirAll(filepath.Dir(s.blobPath(d.Digest)), 0o755); err != nil {
		return d, err
	}
	tmp, err := os.CreateTemp(s.root, "blob")
	if err != nil {
		return d, err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		return d, err
	}
	if err := tmp.Close(); err != nil {
		return d, err
	}
	return d, os.Rename(tmp.Name(), s.blobPath(d.Digest))
}

// variant is an image for one platform.
type variant struct {
	platform   platform
	descriptor ocispec.Descriptor
	manifest   ocispec.Manifest
	config     ocispec.Image
}

// variants returns what is there of an image: a platform whose blobs were
// never fetched is left out.
func (s settings) variants(d ocispec.Descriptor) ([]variant, error) {
	var index ocispec.Index
	if err := s.blob(d.Digest, &index); err != nil {
		return nil, err
	}
	var all []variant
	for _, m := range index.Manifests {
		v := variant{descriptor: m}
		if s.blob(m.Digest, &v.manifest) != nil || s.blob(v.manifest.Config.Digest, &v.config) != nil {
			continue
		}
		v.platform = platform{v.config.OS, v.config.Architecture, v.config.Variant}
		all = append(all, v)
	}
	return all, nil
}

// variant returns the image for p. An arm64 without a variant is a v8.
func (s settings) variant(d ocispec.Descriptor, p platform) (variant, error) {
	all, err := s.variants(d)
	if err != nil {
		return variant{}, err
	}
	for _, v := range all {
		if v.platform.full() == p.full() {
			return v, nil
		}
	}
	return variant{}, failed("unsupported", "platform %s", p)
}

func (p platform) full() platform {
	if p.Architecture == "arm64" && p.Variant == "" {
		p.Variant = "v8"
	}
	return p
}

func (p platform) String() string {
	if p.Variant == "" {
		return p.OS + "/" + p.Architecture
	}
	return fmt.Sprintf("%s/%s/%s", p.OS, p.Architecture, p.Variant)
}

// collect removes the content that no image lists: an index, its manifests,
// and what those list. It looks no deeper.
func (s settings) collect(images []image) error {
	used := map[digest.Digest]bool{}
	for _, i := range images {
		used[i.Descriptor.Digest] = true
		variants, err := s.variants(i.Descriptor)
		if err != nil {
			return err
		}
		for _, v := range variants {
			used[v.descriptor.Digest], used[v.manifest.Config.Digest] = true, true
			for _, layer := range v.manifest.Layers {
				used[layer.Digest] = true
			}
		}
	}
	entries, err := os.ReadDir(s.path("content", "blobs", "sha256"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if d := digest.Digest("sha256:" + entry.Name()); !used[d] {
			if err := os.Remove(s.blobPath(d)); err != nil {
				return err
			}
		}
	}
	return nil
}
