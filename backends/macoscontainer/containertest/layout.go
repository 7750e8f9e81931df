//go:build linux

package containertest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// layout is an archive that was taken apart, on its way into the store.
type layout struct {
	settings
	dir string
	top ocispec.Descriptor
}

// missingContent is Swift's way to print an error with a value.
func missingContent(d digest.Digest) error { return fmt.Errorf("missingContent(%q)", d) }

// errDecode is what Foundation says of JSON without a key that is needed.
var errDecode = failed("unknown", "The data couldn’t be read because it is missing.")

// readLayout checks the two files that every layout has, and all its blobs.
func (s settings) readLayout(dir string) (*layout, error) {
	l := &layout{settings: s, dir: dir}
	var version map[string]any
	file := filepath.Join(dir, "oci-layout")
	if err := fakevm.ReadJSON(file, &version); err != nil || version["imageLayoutVersion"] == nil {
		return nil, errors.New(file) // the path is the message
	}
	var index ocispec.Index
	file = filepath.Join(dir, "index.json")
	if err := fakevm.ReadJSON(file, &index); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New(file)
	} else if err != nil {
		return nil, err
	}
	if len(index.Manifests) == 0 || index.SchemaVersion != 2 {
		return nil, errDecode
	}
	if len(index.Manifests) > 1 {
		return nil, fmt.Errorf("“%s” couldn’t be copied to “sha256” because an item with the same name already exists: File exists", index.Manifests[1].Digest.Encoded())
	}
	l.top = index.Manifests[0]
	return l, l.checkBlobs()
}

// checkBlobs verifies everything in the archive, listed or not.
func (l *layout) checkBlobs() error {
	entries, err := os.ReadDir(filepath.Join(l.dir, "blobs", "sha256"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		f, err := os.Open(filepath.Join(l.dir, "blobs", "sha256", entry.Name()))
		if err != nil {
			return err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, f)
		f.Close()
		if err != nil {
			return err
		}
		if got := hex.EncodeToString(hash.Sum(nil)); got != entry.Name() {
			return failed("internalError", "digest mismatch expected sha256:%s, got sha256:%s", entry.Name(), got)
		}
	}
	return nil
}

// fetch brings one blob into the store, unless it is there.
func (l *layout) fetch(d ocispec.Descriptor) error {
	if d.MediaType == "" || d.Size == 0 || !validHash.MatchString(string(d.Digest)) {
		return errDecode
	}
	from := filepath.Join(l.dir, "blobs", "sha256", d.Digest.Encoded())
	to := l.blobPath(d.Digest)
	if l.stored(d.Digest) {
		from = to
	}
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return missingContent(d.Digest)
	}
	if err != nil {
		return err
	}
	if info.Size() != d.Size {
		return failed("internalError", "size mismatch of %s: expected %d, got %d", d.Digest, d.Size, info.Size())
	}
	if from == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return copyFile(from, to)
}

// store takes the image in and gives it its name.
func (l *layout) store() (image, error) {
	name := "untagged@" + string(l.top.Digest)
	for _, key := range slices.Backward(nameAnnotations) {
		if value, ok := l.top.Annotations[key]; ok {
			name = value
		}
	}
	if _, err := parseReference(name); err != nil {
		return image{}, err
	}
	added := image{Reference: name, Created: time.Now()}
	err := l.changeImages(func(images []image) ([]image, error) {
		var err error
		added.Descriptor, err = l.index()
		return put(images, added), err
	})
	return added, err
}

// index returns the descriptor of the image's index: the archive's, or one
// made up around its manifest.
func (l *layout) index() (ocispec.Descriptor, error) {
	if err := l.fetch(l.top); err != nil {
		return l.top, err
	}
	switch l.top.MediaType {
	case ocispec.MediaTypeImageManifest, dockerManifest:
		return l.wrap()
	case ocispec.MediaTypeImageIndex, dockerIndex:
	default:
		return l.top, failed("unsupported", "media type %s not supported.", l.top.MediaType)
	}
	var index ocispec.Index
	if err := l.blob(l.top.Digest, &index); err != nil {
		return l.top, err
	}
	if len(index.Manifests) == 0 {
		return l.top, errDecode
	}
	for _, m := range index.Manifests {
		if m.MediaType != ocispec.MediaTypeImageManifest && m.MediaType != dockerManifest {
			return l.top, failed("unsupported", "media type %s not supported.", m.MediaType)
		}
		if _, err := l.manifest(m); err != nil {
			return l.top, err
		}
	}
	return l.top, nil
}

func (l *layout) wrap() (ocispec.Descriptor, error) {
	config, err := l.manifest(l.top)
	if err != nil {
		return l.top, err
	}
	m := ocispec.Descriptor{MediaType: l.top.MediaType, Digest: l.top.Digest, Size: l.top.Size}
	m.Platform = &ocispec.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{m}, Annotations: map[string]string{
		"com.apple.containerization.index.indirect": "true",
	}}
	index.SchemaVersion = 2
	return l.addBlob(ocispec.MediaTypeImageIndex, index)
}

// manifest fetches what a manifest lists, and returns the config.
func (l *layout) manifest(d ocispec.Descriptor) (ocispec.Image, error) {
	var m ocispec.Manifest
	var config ocispec.Image
	if err := l.fetch(d); err != nil {
		return config, err
	}
	if err := l.blob(d.Digest, &m); err != nil {
		return config, err
	}
	if m.SchemaVersion != 2 || m.Layers == nil {
		return config, errDecode
	}
	if t := m.Config.MediaType; t != ocispec.MediaTypeImageConfig && t != dockerConfig {
		return config, failed("unsupported", "%s does not list any supported platform (config of type %s)", d.Digest, t)
	}
	for _, content := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := l.fetch(content); err != nil {
			return config, err
		}
	}
	if err := l.blob(m.Config.Digest, &config); err != nil {
		return config, err
	}
	if config.OS == "" || config.Architecture == "" || config.RootFS.Type != "layers" {
		return config, errDecode
	}
	return config, nil
}

// copyFile copies through a temporary name, so that a blob is whole or absent.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp, err := os.CreateTemp(filepath.Dir(filepath.Dir(to)), "ingest")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := io.Copy(tmp, in); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), to)
}
