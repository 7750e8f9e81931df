package ociarchive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// BenchmarkWrite packs trees of 256 MiB, of large files and of small ones.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int64{64 << 20, 16 << 10} {
		b.Run(fmt.Sprintf("files=%dKiB", size>>10), func(b *testing.B) {
			tree := filepath.Join(b.TempDir(), "tree.tar")
			writeTree(b, tree, 256<<20, size)
			b.SetBytes(256 << 20)
			for b.Loop() {
				in, err := os.Open(tree)
				if err != nil {
					b.Fatal(err)
				}
				f := createArchive(b)
				if _, err := ociarchive.Write(b.Context(), f, in, testImage(), ociarchive.Network{}); err != nil {
					b.Fatal(err)
				}
				f.Close()
				os.Remove(f.Name())
				in.Close()
			}
		})
	}
}

// writeTree writes a tree of total bytes in files of size bytes.
func writeTree(tb testing.TB, path string, total, size int64) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	random := rand.NewChaCha8([32]byte{})
	w := tar.NewWriter(f)
	for i := range total / size {
		hdr := &tar.Header{Name: fmt.Sprintf("data/%d", i), Size: size, Mode: 0o644}
		if err := w.WriteHeader(hdr); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.CopyN(w, random, size); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
}

// TestMemory packs a large file that nobody has made, and one that is left
// out: neither may be held in memory.
func TestMemory(t *testing.T) {
	const size = 512 << 20
	header := func(name string, size int64) io.Reader {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	tree := io.MultiReader(
		header("tmp/left-out", size/8), io.LimitReader(zeros{}, size/8),
		header("data", size), io.LimitReader(zeros{}, size),
		io.LimitReader(zeros{}, 1024),
	)
	f := createArchive(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sum, err := ociarchive.Write(t.Context(), f, tree, testImage(), ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if sum.LayerSize < size {
		t.Errorf("layer of %d bytes, want at least %d", sum.LayerSize, size)
	}
	// All that was ever allocated: it bounds the heap at its largest, which
	// cannot be seen from outside.
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("allocated %d MiB for a tree of %d MiB", n>>20, size>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
