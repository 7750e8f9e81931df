package dirtar_test

import (
	"archive/tar"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/dirtar"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func names(t *testing.T, r io.Reader) []string {
	t.Helper()
	var all []string
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(all)
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		name := h.Name
		if h.Linkname != "" {
			name += "->" + h.Linkname
		}
		all = append(all, name)
	}
}

// What .dockerignore excludes is left out, but for what the caller needs. A
// socket does not fail the whole copy.
func TestOpen(t *testing.T) {
	// Not t.TempDir: the path of a socket has to be short.
	dir, err := os.MkdirTemp("", "dt")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	write(t, dir, map[string]string{
		"Dockerfile":    "FROM scratch",
		".dockerignore": "*.log\nDockerfile\n.dockerignore\nout\n!out/kept\n",
		"a.log":         "",
		"src/b":         "b",
		"src/c.log":     "not at the top, so not excluded",
		"out/x":         "",
		"out/kept":      "",
	})
	if err := os.Symlink("../gone", filepath.Join(dir, "src", "link")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "src", "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := dirtar.Open(t.Context(), dir, "Dockerfile", ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := []string{".dockerignore", "Dockerfile", "out/", "out/kept", "src/", "src/b", "src/c.log", "src/link->../gone", "src/sock"}
	if got := names(t, r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Another file can take the place of .dockerignore, which is one as all others
// then.
func TestOpenIgnoring(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{".dockerignore": "a\n", "a": "", "b": "", "c": ""})
	ignore := filepath.Join(t.TempDir(), "Dockerfile.dockerignore")
	for content, want := range map[string][]string{
		"b\nc\n": {".dockerignore", "a", "c"},
		"":       {".dockerignore", "a", "b", "c"},
	} {
		if err := os.WriteFile(ignore, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := dirtar.OpenIgnoring(t.Context(), dir, ignore, "c")
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, r); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
		r.Close()
	}
}

// A file whose content cannot be had whole ends the stream with an error, not
// with an archive that lacks it.
func TestFileShrinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": strings.Repeat("x", 1<<20), "b": "b"})
	r, err := dirtar.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := tar.NewReader(r)
	if h, err := in.Next(); err != nil || h.Name != "a" {
		t.Fatalf("got %v, %v", h, err)
	}
	if err := os.Truncate(filepath.Join(dir, "a"), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, in); err == nil {
		t.Error("a file that has shrunk was read without an error")
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := dirtar.Open(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	write(t, dir, map[string]string{"file": ""})
	if _, err := dirtar.Open(t.Context(), filepath.Join(dir, "file")); err == nil {
		t.Error("a file was taken for a directory")
	}
}
