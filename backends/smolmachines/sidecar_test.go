package smolmachines

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// end is an artifact's footer: what is not in it here is not looked at.
type end struct {
	magic        string
	offset, size uint64
	checksum     uint32
}

func (e end) bytes() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(e.magic), 1)
	b = append(b, make([]byte, 24)...) // the stub, and the assets
	b = binary.LittleEndian.AppendUint64(b, e.offset)
	b = binary.LittleEndian.AppendUint64(b, e.size)
	b = binary.LittleEndian.AppendUint32(b, e.checksum)
	return append(b, make([]byte, 8)...)
}

const (
	testAssets   = "these are the assets"
	testManifest = `{"mode":"container","platform":"linux/arm64","entrypoint":["/bin/sh"],"cmd":["-c","x"],"env":["A=1"],"workdir":"/w","assets":{"layers":[]}}`
)

func writeFile(t *testing.T, path string, content ...string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(content, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// whole is the footer of the test's assets and manifest.
func whole() end { return end{magic, uint64(len(testAssets)), uint64(len(testManifest)), 0x0a1b2c3d} }

func TestReadSidecar(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "a.smolmachine"), testAssets, testManifest, string(whole().bytes()))
	s, err := readSidecar(path)
	if err != nil {
		t.Fatal(err)
	}
	want := manifest{Platform: "linux/arm64", Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c", "x"}, Workdir: "/w"}
	if !reflect.DeepEqual(s.manifest, want) {
		t.Errorf("manifest %+v, want %+v", s.manifest, want)
	}
	if s.digest() != "crc32:0a1b2c3d" || s.architecture() != "arm64" || s.size != int64(len(testAssets+testManifest)+64) {
		t.Errorf("%s for %s, of %d bytes", s.digest(), s.architecture(), s.size)
	}
	if info, err := os.Stat(path); err != nil || !s.created.Equal(info.ModTime()) {
		t.Errorf("created at %v, %v", s.created, err)
	}
	// One that is no bottle's has its workload for a command.
	known, ours := s.meta()
	if wantMeta := (meta{imageMeta: imageMeta{WorkingDir: "/w", Entrypoint: []string{"/bin/sh"}, Command: []string{"-c", "x"}}}); ours || !reflect.DeepEqual(known, wantMeta) {
		t.Errorf("ours: %v, %+v", ours, known)
	}
}

func TestReadSidecarFails(t *testing.T) {
	dir := t.TempDir()
	with := func(change func(*end)) string {
		e := whole()
		change(&e)
		return testAssets + testManifest + string(e.bytes())
	}
	good := with(func(*end) {})
	for _, tt := range []struct{ name, content, want string }{
		{"empty", "", "too small"},
		{"a part of a footer", good[len(good)-63:], "too small"},
		{"only a footer", good[len(good)-64:], "does not fit"},
		{"cut off", good[:len(good)-1], "does not end as one"},
		{"with more at its end", good + "\n", "does not end as one"},
		{"a tar", strings.Repeat("\x00", 1024), "does not end as one"},
		{"magic in small letters", with(func(e *end) { e.magic = "smolpack" }), "does not end as one"},
		{"its begin is gone", good[len(testAssets):], "does not fit"},
		{"an offset after the end", with(func(e *end) { e.offset = uint64(len(good)) + 1 }), "does not fit"},
		{"an offset in the footer", with(func(e *end) { e.offset++ }), "does not fit"},
		{"a negative offset", with(func(e *end) { e.offset = math.MaxUint64 }), "does not fit"},
		{"a sum that overflows", with(func(e *end) { e.offset, e.size = math.MaxUint64-9, 10 }), "does not fit"},
		{"a signed sum that overflows", with(func(e *end) { e.offset, e.size = math.MaxInt64, 1 }), "does not fit"},
		{"a size that overflows", with(func(e *end) { e.size = math.MaxUint64 - e.offset + 1 }), "does not fit"},
		{"a huge manifest", with(func(e *end) { e.size = maxManifest + 1 }), "does not fit"},
		{"a manifest over the footer", with(func(e *end) { e.size++ }), "does not fit"},
		{"no manifest", with(func(e *end) { e.size = 0 }), "unexpected end of JSON"},
		{"half a manifest", with(func(e *end) { e.size /= 2 }), "unexpected end of JSON"},
		{"assets for a manifest", with(func(e *end) { e.offset = 0 }), "invalid character"},
	} {
		path := writeFile(t, filepath.Join(dir, "a.smolmachine"), tt.content)
		_, err := readSidecar(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), path+" is not a whole .smolmachine file: ") {
			t.Errorf("%s: %v; want %s", tt.name, err, tt.want)
		}
	}
	if _, err := readSidecar(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := readSidecar(dir); err == nil {
		t.Error("a directory was read")
	}
}

// A manifest can be as large as the tool lets it be, and no larger.
func TestReadSidecarLarge(t *testing.T) {
	for _, tt := range []struct {
		size int
		ok   bool
	}{{maxManifest, true}, {maxManifest + 1, false}} {
		content := "{" + strings.Repeat(" ", tt.size-2) + "}"
		path := writeFile(t, filepath.Join(t.TempDir(), "a.smolmachine"), content, string(end{magic, 0, uint64(tt.size), 0}.bytes()))
		if _, err := readSidecar(path); (err == nil) != tt.ok {
			t.Errorf("%d bytes: %v", tt.size, err)
		}
	}
}

// Another whole file than the one that was recorded is not removed; what is
// left of that one is, with what is beside it.
func TestRemoveArtifact(t *testing.T) {
	b := New(Dirs{})
	for _, tt := range []struct {
		name, content, digest string
		exists                bool
		left                  []string
		exErr, rmErr          string
	}{
		{"recorded", testAssets + testManifest + string(whole().bytes()), "crc32:0a1b2c3d", true, nil, "", ""},
		{"another", testAssets + testManifest + string(whole().bytes()), "crc32:00000000", false, []string{"1.json", "1.smolmachine"}, "another file has taken its place", ""},
		{"not whole", "x", "crc32:0a1b2c3d", false, nil, "too small", ""},
		{"gone", "", "crc32:0a1b2c3d", false, nil, "", ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "1.smolmachine")
		writeFile(t, filepath.Join(dir, "1.json"), "{}")
		if tt.content != "" {
			writeFile(t, path, tt.content)
		}
		snap := bottlestate.Snapshot{Reference: path, Digest: tt.digest}
		if exists, err := b.ArtifactExists(t.Context(), snap); exists != tt.exists || !says(err, tt.exErr) {
			t.Errorf("%s: exists %v, %v", tt.name, exists, err)
		}
		if err := b.RemoveArtifact(t.Context(), snap); !says(err, tt.rmErr) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if left := names(t, dir); !slices.Equal(left, tt.left) {
			t.Errorf("%s: left %q, want %q", tt.name, left, tt.left)
		}
	}
}

// says reports whether err has the text, or is none if that is empty.
func says(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return strings.Contains(err.Error(), text)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}
