//go:build linux

package smolvmtest

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// fromArtifact makes a machine from an artifact. The checksum is not looked
// at, and some options are taken and forgotten.
func (c *call) fromArtifact(m *machine) error {
	file := c.value("from")
	if _, err := os.Stat(file); err != nil {
		return configError("create from .smolmachine", "file not found: %s", file)
	}
	a, err := openArtifact(file)
	if err != nil {
		return agentError("read .smolmachine", "%s", err)
	}
	if arch := a.manifest.arch(); arch != c.arch {
		return agentError("platform mismatch", "this artifact is built for architecture '%s' (platform '%s'), but this host is '%s'. Use an artifact that was packed on a host of this architecture.", arch, a.manifest.Platform, c.arch)
	}
	if a.manifest.Mode != "container" {
		return unfaked("an artifact in mode " + a.manifest.Mode)
	}
	if err := c.resolveHosts(); err != nil {
		return err
	}
	for key := range a.manifest.SecretRefs {
		return configError("create from .smolmachine", "secret '%s': references a host secret (packs may not carry secret refs)", key)
	}
	if m.From, err = filepath.Abs(file); err != nil {
		return err
	}
	c.restore(m, a.manifest)
	if err := c.configure(m); err != nil {
		return err
	}
	m.Shared = c.path("vms", "_shared", fmt.Sprintf("%08x", a.footer.Checksum))
	m.Layer = filepath.Join(m.Shared, a.manifest.layer())
	if err := c.reserve(m); err != nil {
		return err
	}
	fmt.Println("Extracting .smolmachine assets...")
	if err := c.extract(a, m.Shared); err != nil {
		return errors.Join(agentError("extract sidecar (shared)", "%s", err), fakevm.Remove(m.dir()), os.Remove(c.record(m.Name)))
	}
	return nil
}

// restore takes over what the artifact says. It has no allow-list, and its
// size is meant where the default is.
func (c *call) restore(m *machine, from manifest) {
	m.Image, m.Workdir, m.Network = from.Image, from.Workdir, from.Network
	m.Env = slices.Concat(from.Env, m.Env)
	if len(m.Cmd) == 0 {
		m.Entrypoint, m.Cmd = from.Entrypoint, from.Cmd
	}
	if m.CPUs == defaultCPUs {
		m.CPUs = from.CPUs
	}
	if m.Memory == defaultMemory {
		m.Memory = from.Mem
	}
	if c.version.atLeast(1, 17, 0) {
		m.User = cmp.Or(c.value("user"), from.User)
	}
}

// layer is the path of the one layer that an artifact of a machine has.
func (m manifest) layer() string {
	if len(m.Assets.Layers) == 0 {
		return "layers/none.tar"
	}
	return m.Assets.Layers[0].Path
}

// extract unpacks the assets where all machines from this artifact find them.
func (s settings) extract(a *artifact, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil // by an earlier machine
	}
	f, err := os.Open(a.path)
	if err != nil {
		return ioError(err)
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "extracting-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	// From byte 0, wherever the footer says that the assets are.
	r, err := zstd.NewReader(io.LimitReader(f, int64(a.footer.AssetsSize)), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return errors.New("I/O error: " + err.Error())
	}
	defer r.Close()
	if err := extractAssets(r, tmp); err != nil {
		return errors.New("I/O error: " + err.Error())
	}
	return os.Rename(tmp, dir)
}

func extractAssets(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
			return err
		}
		f, err := root.Create(h.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, archive)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}
