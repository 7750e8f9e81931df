package agents_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// agent makes a directory with a Dockerfile.
func agent(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A name is an agent of the user's own or a built-in one; whatever has a slash
// in it, or is a dot, is a directory.
func TestResolve(t *testing.T) {
	work, config := t.TempDir(), t.TempDir()
	t.Chdir(work)
	own := filepath.Join(config, "agents")
	agent(t, filepath.Join(own, "mine"))
	agent(t, filepath.Join(own, "My.Agent_2"))
	agent(t, filepath.Join(work, "sub", "shell"))
	agent(t, filepath.Join(work, "mine"))
	agent(t, filepath.Join(work, "..."))
	agent(t, work)
	for _, tt := range []struct {
		name, want string // the slug of the agent
		dir        string // empty for a built-in one
	}{
		{"shell", "shell", ""},
		{"mine", "mine", filepath.Join(own, "mine")},
		{"My.Agent_2", "my-agent-2", filepath.Join(own, "My.Agent_2")},
		{"./mine", "mine", filepath.Join(work, "mine")},
		{"sub/shell", "shell", filepath.Join(work, "sub", "shell")},
		{"sub/../mine/", "mine", filepath.Join(work, "mine")},
		{filepath.Join(work, "mine"), "mine", filepath.Join(work, "mine")},
		{".", filepath.Base(work), work},
		{"./...", "bottle", filepath.Join(work, "...")},
	} {
		a, err := agents.Resolve(tt.name, config)
		if err != nil {
			t.Errorf("Resolve(%q): %v", tt.name, err)
			continue
		}
		if a.Name != tt.want || a.Dir != tt.dir || a.Builtin != (tt.dir == "") {
			t.Errorf("Resolve(%q) = %+v, want %s in %q", tt.name, a, tt.want, tt.dir)
		}
		if tt.dir != "" && a.Dockerfile != filepath.Join(tt.dir, "Dockerfile") {
			t.Errorf("Resolve(%q): Dockerfile %s", tt.name, a.Dockerfile)
		}
		if _, err := bottlestate.RandomSlug(a.Name); err != nil {
			t.Errorf("Resolve(%q): no bottle can be named after it: %v", tt.name, err)
		}
	}
}

// The user's own agent goes before the built-in one of its name.
func TestResolveShadows(t *testing.T) {
	config := t.TempDir()
	dir := agent(t, filepath.Join(config, "agents", "shell"))
	a, err := agents.Resolve("shell", config)
	if err != nil || a.Builtin || a.Dir != dir {
		t.Errorf("got %+v, %v; want the one in %s", a, err, dir)
	}
}

// Promise 9: what is no agent is named, with the ones there are, or with what
// was probably meant. An own agent without a Dockerfile does not let the
// built-in one of its name take its place.
func TestResolveFails(t *testing.T) {
	work, config := t.TempDir(), t.TempDir()
	t.Chdir(work)
	own := filepath.Join(config, "agents")
	agent(t, filepath.Join(own, "mine"))
	agent(t, filepath.Join(work, "here"))
	for _, dir := range []string{filepath.Join(own, "shell"), filepath.Join(work, "empty")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		want     []string
		notExist bool
	}{
		{"clade", []string{"no agent clade", "shell", "mine", own}, false},
		{"here", []string{"no agent here", "./here"}, false},
		{"./empty", []string{filepath.Join(work, "empty", "Dockerfile")}, true},
		{"./nowhere", []string{filepath.Join(work, "nowhere")}, true},
		{"shell", []string{filepath.Join(own, "shell", "Dockerfile")}, true},
		{"../mine", []string{filepath.Join(filepath.Dir(work), "mine")}, true},
	} {
		a, err := agents.Resolve(tt.name, config)
		if err == nil {
			t.Errorf("Resolve(%q) = %+v, want an error", tt.name, a)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Resolve(%q): %q does not name %s", tt.name, err, want)
			}
		}
		if errors.Is(err, fs.ErrNotExist) != tt.notExist {
			t.Errorf("Resolve(%q): %v; matches fs.ErrNotExist: %v, want %v", tt.name, err, !tt.notExist, tt.notExist)
		}
	}
}

// Every built-in agent opens as a directory with a Dockerfile, which is gone
// after the cleanup.
func TestOpenBuiltin(t *testing.T) {
	names := agents.Builtin()
	if !slices.Contains(names, "shell") {
		t.Errorf("the built-in agents are %q, without the shell", names)
	}
	for _, name := range names {
		a, err := agents.Resolve(name, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		dir, cleanup, err := a.Open()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, "Dockerfile")); err != nil || info.Size() == 0 {
			t.Errorf("%s: its Dockerfile: %v, %v", name, info, err)
		}
		cleanup()
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: after the cleanup, %s: %v", name, dir, err)
		}
	}
}

// The cleanup leaves the user's own directory alone.
func TestOpenOwn(t *testing.T) {
	dir := agent(t, filepath.Join(t.TempDir(), "mine"))
	a, err := agents.Resolve(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, cleanup, err := a.Open()
	if err != nil || got != dir {
		t.Fatalf("got %s, %v; want %s", got, err, dir)
	}
	cleanup()
	if _, err := os.Stat(a.Dockerfile); err != nil {
		t.Error(err)
	}
}

// A copy that cannot be made is an error, and no directory.
func TestOpenFails(t *testing.T) {
	a, err := agents.Resolve("shell", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if dir, _, err := a.Open(); err == nil || dir != "" {
		t.Errorf("got %q, %v; want an error", dir, err)
	}
}
