//go:build unix

package main

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// pack measures what a freeze does to an exported tree, on backends that have
// no commit, against reading and hashing the same file.
func (b *bench) pack(ctx context.Context) error {
	const size = 1 << 30
	tree := filepath.Join(b.dir, "tree.tar")
	if err := writeRandomTree(tree, size); err != nil {
		return err
	}
	defer os.Remove(tree)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return b.alternate(ctx, "pack an exported tree of 1 GB : `sha256sum` of it", b.n, func() (bottle, plain []string, clean func() error, err error) {
		return []string{self, "-pack", tree}, []string{"sha256sum", tree}, func() error { return nil }, nil
	})
}

func writeRandomTree(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: "data", Size: size, Mode: 0o644}); err != nil {
		return err
	}
	if _, err := io.CopyN(w, rand.Reader, size); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// packFile is this program as the packer, in a process of its own so that its
// memory can be seen.
func packFile(ctx context.Context, tree string) error {
	in, err := os.Open(tree)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(tree), "archive-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	sum, err := ociarchive.Write(ctx, out, in, ociarchive.Image{
		Reference: "docker-bottle/bench:1",
		Platform:  ocispec.Platform{OS: "linux", Architecture: "arm64"},
		Created:   time.Now(),
	}, ociarchive.Network{})
	if err != nil {
		return err
	}
	fmt.Println(sum.Manifest)
	return nil
}
