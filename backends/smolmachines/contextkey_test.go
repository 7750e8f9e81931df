package smolmachines

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
)

// newContext writes a build context, in dir, and returns where it is. The
// Dockerfile is in the context or beside it.
func newContext(t *testing.T, dir, dockerfile string) backends.Source {
	t.Helper()
	for _, name := range []string{"context/sub", "context/out"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "context/a"), "1")
	writeFile(t, filepath.Join(dir, "context/sub/b"), "2")
	writeFile(t, filepath.Join(dir, "context/out/c"), "3")
	writeFile(t, filepath.Join(dir, "context/.dockerignore"), "out\nDockerfile\n")
	if err := os.Symlink("a", filepath.Join(dir, "context/link")); err != nil {
		t.Fatal(err)
	}
	return backends.Source{Dir: filepath.Join(dir, "context"), Dockerfile: writeFile(t, filepath.Join(dir, dockerfile), "FROM scratch\n")}
}

func key(t *testing.T, src backends.Source) string {
	t.Helper()
	k, err := contextKey(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if len(k) != 64 {
		t.Errorf("key %q", k)
	}
	return k
}

func TestContextKey(t *testing.T) {
	type change struct {
		name string
		same bool
		make func(dir string) error
	}
	write := func(name, content string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) }
	}
	changes := []change{
		{"nothing", true, func(string) error { return nil }},
		{"times", true, func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "context/a"), time.Time{}, time.Unix(1, 0))
		}},
		{"time of a directory", true, func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "context/sub"), time.Time{}, time.Unix(1, 0))
		}},
		{"what is ignored", true, write("context/out/c", "4")},
		{"what is ignored, by name", true, write("context/out/d", "4")},
		{"content", false, write("context/a", "2")},
		{"content, longer", false, write("context/a", "12")},
		{"a new file", false, write("context/d", "")},
		{"a new directory", false, func(dir string) error { return os.Mkdir(filepath.Join(dir, "context/d"), 0o755) }},
		{"a name", false, func(dir string) error {
			return os.Rename(filepath.Join(dir, "context/a"), filepath.Join(dir, "context/b"))
		}},
		{"a directory's name", false, func(dir string) error {
			return os.Rename(filepath.Join(dir, "context/sub"), filepath.Join(dir, "context/s"))
		}},
		{"no file", false, func(dir string) error { return os.Remove(filepath.Join(dir, "context/a")) }},
		{"where a link leads", false, func(dir string) error {
			link := filepath.Join(dir, "context/link")
			if err := os.Remove(link); err != nil {
				return err
			}
			return os.Symlink("b", link)
		}},
		{"a file for a link", false, func(dir string) error {
			link := filepath.Join(dir, "context/link")
			if err := os.Remove(link); err != nil {
				return err
			}
			return os.WriteFile(link, nil, 0o777)
		}},
		{".dockerignore", false, write("context/.dockerignore", "out\n\nDockerfile\n")},
		{".dockerignore lets more in", false, write("context/.dockerignore", "")},
	}
	if runtime.GOOS != "windows" {
		changes = append(changes, change{"mode", false, func(dir string) error { return os.Chmod(filepath.Join(dir, "context/a"), 0o755) }})
	}
	if os.Getuid() == 0 {
		changes = append(changes, change{"owner", true, func(dir string) error { return os.Chown(filepath.Join(dir, "context/a"), 12, 34) }})
	}
	for _, dockerfile := range []string{"context/Dockerfile", "context/sub/other.Dockerfile", "Dockerfile"} {
		want := key(t, newContext(t, t.TempDir(), dockerfile))
		for _, tt := range append(changes, change{"Dockerfile", false, write(dockerfile, "FROM scratch \n")}) {
			dir := t.TempDir()
			src := newContext(t, dir, dockerfile)
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			if filepath.Base(filepath.Dir(dockerfile)) == "sub" && tt.name == "a directory's name" {
				src.Dockerfile = filepath.Join(dir, "context/s/other.Dockerfile")
			}
			if got := key(t, src); (got == want) != tt.same {
				t.Errorf("%s, %s: the key is the same: %v", dockerfile, tt.name, got == want)
			}
		}
	}
}

// Which of two files is the Dockerfile is a difference.
func TestContextKeyDockerfile(t *testing.T) {
	dir := t.TempDir()
	src := newContext(t, dir, "context/Dockerfile")
	other := src
	other.Dockerfile = writeFile(t, filepath.Join(dir, "context/Dockerfile.other"), "FROM scratch\n")
	outside := src
	outside.Dockerfile = writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\n")
	if a, b, c := key(t, src), key(t, other), key(t, outside); a == b || a == c || b == c {
		t.Errorf("keys %s, %s, %s", a, b, c)
	}
}

// What is beside the Dockerfile and has its name is asked instead of
// .dockerignore, as by the builders.
func TestContextKeyIgnore(t *testing.T) {
	for _, dockerfile := range []string{"context/Dockerfile", "context/sub/other.Dockerfile", "Dockerfile"} {
		dir := t.TempDir()
		src := newContext(t, dir, dockerfile)
		without := key(t, src)
		own := src.Dockerfile + ".dockerignore"
		writeFile(t, own, "a\n")
		last := key(t, src)
		if last == without {
			t.Errorf("%s: the same key with %s", dockerfile, own)
		}
		for _, tt := range []struct {
			name, content string
			same          bool
		}{
			{"a", "changed, and ignored", true},
			{"out/c", "changed, and not ignored any more", false},
			{"sub/b", "changed", false},
		} {
			writeFile(t, filepath.Join(src.Dir, tt.name), tt.content)
			got := key(t, src)
			if (got == last) != tt.same {
				t.Errorf("%s, %s: the key is the same: %v", dockerfile, tt.content, got == last)
			}
			last = got
		}
		writeFile(t, own, "[a-\n")
		if k, err := contextKey(t.Context(), src); err == nil {
			t.Errorf("%s: with %s that is none: %q", dockerfile, own, k)
		}
	}
}

func TestContextKeyFails(t *testing.T) {
	dir := t.TempDir()
	src := newContext(t, dir, "context/Dockerfile")
	for name, bad := range map[string]backends.Source{
		"no Dockerfile": {Dir: src.Dir, Dockerfile: filepath.Join(dir, "none")},
		"no directory":  {Dir: filepath.Join(dir, "none"), Dockerfile: src.Dockerfile},
	} {
		if k, err := contextKey(t.Context(), bad); !errors.Is(err, fs.ErrNotExist) || k != "" {
			t.Errorf("%s: %q, %v", name, k, err)
		}
	}
	writeFile(t, filepath.Join(src.Dir, ".dockerignore"), "[a-\n")
	if k, err := contextKey(t.Context(), src); err == nil {
		t.Errorf("a .dockerignore that is none: %q", k)
	}
}
