//go:build linux

package smolvmtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// image is what an archive says of its programs.
type image struct {
	config          imageConfig
	entrypoint, cmd []string
}

// unpack makes the root at the first start. Only then is what an archive
// holds looked at. It returns nothing for a machine that has its root.
func (m *machine) unpack() (*image, error) {
	switch {
	case m.From != "":
		return nil, m.unpackLayer()
	case m.started():
		return nil, nil
	}
	img, err := m.readArchive()
	if err != nil {
		return nil, fmt.Errorf("agent operation failed: start machine: crane export failed: Error: %w", err)
	}
	return img, nil
}

// readArchive does what the guest does: crane export, from stdin to a tree.
func (m *machine) readArchive() (*image, error) {
	path := m.settings.archive(strings.TrimPrefix(m.Image, "local:"))
	img, err := tarball.Image(func() (io.ReadCloser, error) { return openCompressed(path) }, nil)
	if err != nil {
		return nil, fmt.Errorf("reading tarball from stdin: %w (is the image a valid `docker save` / OCI archive?)", err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	r := mutate.Extract(img)
	defer r.Close()
	if err := m.makeRoot(r); err != nil {
		return nil, err
	}
	c := file.Config
	return &image{imageConfig{c.Env, c.WorkingDir, c.User}, c.Entrypoint, c.Cmd}, nil
}

// makeRoot unpacks a tree under another name first: a root is whole or absent.
func (m *machine) makeRoot(r io.Reader) error {
	tmp := m.file("unpacking")
	if err := fakevm.Remove(tmp); err != nil {
		return err
	}
	if err := untar(r, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, m.rootfs())
}

// compressed closes the file below the reader.
type compressed struct {
	io.Reader
	io.Closer
}

// openCompressed opens an archive, of which gzip and zstd are recognized by
// how they start.
func openCompressed(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReader(f)
	start, _ := b.Peek(4) // shorter: no archive, which the reader finds out
	var r io.Reader = b
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(b)
	case bytes.Equal(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return compressed{r, f}, nil
}

// unpackLayer makes the root of a machine from an artifact. The layer has to
// be there at every start: it is below the overlay.
func (m *machine) unpackLayer() error {
	if _, err := os.Stat(m.Layer); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(m.From); err != nil {
			return agentError("start machine", "packed layers are not extracted for this machine and its source .smolmachine is missing: %s", m.From)
		}
		a, err := openArtifact(m.From)
		if err != nil {
			return agentError("start machine", "%s", err)
		}
		if err := m.settings.extract(a, m.Shared); err != nil {
			return agentError("start machine", "extract sidecar (shared): %s", err)
		}
	}
	if m.started() {
		return nil
	}
	f, err := os.Open(m.Layer)
	if err != nil {
		return agentError("start machine", "%s", err)
	}
	defer f.Close()
	if err := m.makeRoot(f); err != nil {
		return agentError("start machine", "%s", err)
	}
	return nil
}
