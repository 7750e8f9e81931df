package ociarchive

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
	"testing"
	"time"
)

// TestLayerHeader reads back headers for sizes on both sides of what an octal
// number has room for.
func TestLayerHeader(t *testing.T) {
	name := "blobs/sha256/" + strings.Repeat("0123456789abcdef", 4)
	modTime := time.Date(2026, 10, 7, 8, 9, 10, 123456789, time.UTC)
	for _, size := range []int64{0, 1, 512, 1<<33 - 1, 1 << 33, 9 << 30, 1 << 40, 1<<63 - 1} {
		b, err := layerHeader(name, size, modTime)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		hdr, err := tar.NewReader(bytes.NewReader(b)).Next()
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if len(b) != blockSize || hdr.Size != size || hdr.Name != name || hdr.Typeflag != tar.TypeReg {
			t.Errorf("%d bytes: header of %d bytes, %+v", size, len(b), hdr)
		}
	}
	if _, err := layerHeader(strings.Repeat("n", 101), 1, modTime); err == nil {
		t.Error("a header of more than a block is no error")
	}
}

func TestClean(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{"a", "a", true},
		{"./a", "a", true},
		{"/a/", "a", true},
		{"//a/b", "a/b", true},
		{"././a/./b/.", "a/b", true},
		{".", ".", true},
		{"./", ".", true},
		{"/", ".", true},
		{"...", "...", true},
		{"a\xff\\b", "a\xff\\b", true},
		{"", "", false},
		{"..", "", false},
		{"/..", "", false},
		{"a/../b", "", false},
		{"a//b", "", false},
		{"a//", "", false},
		{"a\x00b", "", false},
	} {
		got, err := clean(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("clean(%q) is %q, %v", tt.in, got, err)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, name := range []string{"a", "./a", "/a/b/", ".", "/", "../a", "a//b", "a/./b", "", "\x00", "\xff/.."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := clean(name)
		if err != nil {
			if got != "" {
				t.Errorf("clean(%q) is %q and an error", name, got)
			}
			return
		}
		if got == "" || got == ".." || strings.HasPrefix(got, "/") || strings.HasPrefix(got, "../") || strings.Contains(got, "\x00") || got != path.Clean(got) {
			t.Errorf("clean(%q) is %q", name, got)
		}
		if again, err := clean(got); again != got || err != nil {
			t.Errorf("clean(%q) is %q, and then %q, %v", name, got, again, err)
		}
		if want := path.Clean("/" + name)[1:]; got != want && (got != "." || want != "") {
			t.Errorf("clean(%q) is %q, but it is the path %q", name, got, want)
		}
	})
}
