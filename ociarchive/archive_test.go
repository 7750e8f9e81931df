package ociarchive_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// unpack unpacks an archive, strictly, and returns the names in it.
func unpack(tb testing.TB, f *os.File) (dir string, names []string) {
	tb.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	dir = tb.TempDir()
	for r := tar.NewReader(f); ; {
		hdr, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		names = append(names, hdr.Name)
		path := filepath.Join(dir, filepath.FromSlash(hdr.Name))
		switch hdr.Typeflag {
		case tar.TypeDir:
			if err := os.Mkdir(path, 0o755); err != nil {
				tb.Fatal(err)
			}
		case tar.TypeReg:
			out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				tb.Fatal(err)
			}
			if _, err := io.Copy(out, r); err != nil {
				tb.Fatal(err)
			}
			out.Close()
		default:
			tb.Fatalf("%q has type %q: loaders refuse it", hdr.Name, hdr.Typeflag)
		}
	}
	// The end of the archive is the end of the file.
	end := make([]byte, 1025)
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.ReadAt(end, at-1025); err != nil {
		tb.Fatal(err)
	}
	if at%512 != 0 || !bytes.Equal(end[1:], make([]byte, 1024)) {
		tb.Errorf("archive of %d bytes ends in %q", at, end)
	}
	return dir, names
}

func readJSON(tb testing.TB, path string, v any) {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

// TestArchive has the archive judged by another implementation, and reads
// what a loader goes by.
func TestArchive(t *testing.T) {
	f := createArchive(t)
	image := testImage()
	sum, err := ociarchive.Write(t.Context(), f, bytes.NewReader(tree(t, nasty()...)), image, ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	dir, names := unpack(t, f)
	blob := func(digest string) string { return "blobs/sha256/" + digest }
	want := []string{
		"blobs/", "blobs/sha256/", "oci-layout",
		blob(sum.Layer.Encoded()), blob(sum.Config.Encoded()), blob(sum.Manifest.Encoded()),
		"index.json", "manifest.json",
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("members %q, want %q", names, want)
	}
	if fi, err := f.Stat(); err != nil || fi.Size() != sum.Size {
		t.Errorf("archive of %d bytes, summary says %d (%v)", fi.Size(), sum.Size, err)
	}

	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Not fast, validate takes every layer to be compressed.
	if err := validate.Index(index, validate.Fast); err != nil {
		t.Error(err)
	}
	judgeLayer(t, index, sum)

	var layoutFile ocispec.ImageLayout
	readJSON(t, filepath.Join(dir, "oci-layout"), &layoutFile)
	if layoutFile.Version != "1.0.0" {
		t.Errorf("layout version %q", layoutFile.Version)
	}
	var idx ocispec.Index
	readJSON(t, filepath.Join(dir, "index.json"), &idx)
	if len(idx.Manifests) != 1 || idx.MediaType != ocispec.MediaTypeImageIndex {
		t.Fatalf("index %+v", idx)
	}
	if m := idx.Manifests[0]; m.Digest != sum.Manifest || m.MediaType != ocispec.MediaTypeImageManifest {
		t.Errorf("index lists %+v", m)
	}
	if got, want := idx.Manifests[0].Annotations, map[string]string{
		"com.apple.containerization.image.name": "docker-bottle/web:3",
		"io.containerd.image.name":              "docker-bottle/web:3",
		"org.opencontainers.image.ref.name":     "docker-bottle/web:3",
	}; !reflect.DeepEqual(got, want) {
		t.Errorf("annotations %q, want %q", got, want)
	}
	var manifest ocispec.Manifest
	readJSON(t, filepath.Join(dir, blob(sum.Manifest.Encoded())), &manifest)
	if manifest.SchemaVersion != 2 || manifest.MediaType != ocispec.MediaTypeImageManifest || manifest.Config.MediaType != ocispec.MediaTypeImageConfig {
		t.Errorf("manifest %+v", manifest)
	}
	if len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != "application/vnd.oci.image.layer.v1.tar" || manifest.Layers[0].Digest != sum.Layer {
		t.Errorf("layers %+v", manifest.Layers)
	}

	var config dockerspec.DockerOCIImage
	readJSON(t, filepath.Join(dir, blob(sum.Config.Encoded())), &config)
	if !reflect.DeepEqual(config.Config, image.Config) {
		t.Errorf("config\n got %+v\nwant %+v", config.Config, image.Config)
	}
	if !reflect.DeepEqual(config.Platform, image.Platform) || !config.Created.Equal(image.Created) || config.Author != image.Author {
		t.Errorf("config of %+v, created %v by %s", config.Platform, config.Created, config.Author)
	}
	if h := config.History; len(h) != 2 || !h[0].EmptyLayer || h[1].EmptyLayer || h[1].Comment != image.Comment {
		t.Errorf("history %+v", h)
	}
	if image.History[0].EmptyLayer {
		t.Error("the caller's history was changed")
	}
}

// judgeLayer compares the layer with what the image says of it.
func judgeLayer(t *testing.T, index v1.ImageIndex, sum ociarchive.Summary) {
	t.Helper()
	image, err := index.Image(v1.Hash{Algorithm: "sha256", Hex: sum.Manifest.Encoded()})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image, validate.Fast); err != nil {
		t.Error(err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers: %v", len(layers), err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	diffID, err := layers[0].DiffID()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	hash, n, err := v1.SHA256(content)
	if err != nil {
		t.Fatal(err)
	}
	if hash != digest || hash != diffID || n != size {
		t.Errorf("layer is %v of %d bytes, and said to be %v, or %v, of %d", hash, n, digest, diffID, size)
	}
}

// TestArchiveIsTheSame packs twice: the same tree and image have one digest.
func TestArchiveIsTheSame(t *testing.T) {
	in := tree(t, nasty()...)
	var sums [2]ociarchive.Summary
	for i := range sums {
		var err error
		sums[i], err = ociarchive.Write(t.Context(), createArchive(t), bytes.NewReader(in), testImage(), ociarchive.Network{})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("%+v, and then %+v", sums[0], sums[1])
	}
}
