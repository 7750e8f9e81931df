package tempdir_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/tempdir"
)

// old sets back when everything in dir was written.
func old(t *testing.T, age time.Duration, paths ...string) {
	t.Helper()
	then := time.Now().Add(-age)
	for _, path := range paths {
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

// A directory is abandoned when the process that made it has ended, however
// long it took; one without a lock, when nobody has written to it for a day.
func TestAbandoned(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	made, remove, err := tempdir.Make(t.Context(), "freeze")
	if err != nil {
		t.Fatal(err)
	}
	old(t, 48*time.Hour, filepath.Join(made, ".lock"), made)
	mk := func(name, file string, age time.Duration) string {
		dir := filepath.Join(tmp, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old(t, age, path)
		old(t, 48*time.Hour, dir)
		return dir
	}
	dead := mk("docker-bottle-build-1", ".lock", time.Hour)
	unlocked := mk("docker-bottle-agent-1", "Dockerfile", 25*time.Hour)
	mk("docker-bottle-build-2", ".lock", 0)
	mk("docker-bottle-agent-2", "Dockerfile", 23*time.Hour)
	mk("bottle-agent-3", "Dockerfile", 25*time.Hour)
	// A person's own.
	mk("docker-bottle-main", "README.md", 48*time.Hour)
	mk("docker-bottle-linux-amd64", "docker-bottle", 48*time.Hour)
	mk("docker-bottle-issue-12", "notes", 48*time.Hour)
	lock := filepath.Join(tmp, "docker-bottle-0-macos-container.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old(t, 48*time.Hour, lock)

	got, err := tempdir.Abandoned(t.Context())
	if err != nil || !slices.Equal(got, []string{unlocked, dead}) {
		t.Errorf("got %q, %v; want %q, %q", got, err, unlocked, dead)
	}
	remove()
	if _, err := os.Lstat(made); !os.IsNotExist(err) {
		t.Errorf("after remove: %v", err)
	}
}
