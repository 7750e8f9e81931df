package agents_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/agents"
)

// All agents are listed once, those of the user's own before the built-in ones
// of their name, and those that do not work with what is wrong. Files and
// hidden directories are no agents.
func TestList(t *testing.T) {
	config := t.TempDir()
	own := filepath.Join(config, "agents")
	agent(t, filepath.Join(own, "shell"))
	agent(t, filepath.Join(own, "aside"))
	agent(t, filepath.Join(own, ".copy-1"))
	if err := errors.Join(
		os.Mkdir(filepath.Join(own, "empty"), 0o755),
		os.Symlink("nowhere", filepath.Join(own, "link")),
		os.WriteFile(filepath.Join(own, "notes"), nil, 0o644),
		os.WriteFile(filepath.Join(own, "aside", "Dockerfile"), []byte("FROM scratch\nLABEL a=b\n"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	all, err := agents.List(config)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"aside", "claude", "codex", "crush", "empty", "gemini", "link", "opencode", "shell"}
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
		broken := e.Name == "empty" || e.Name == "link"
		if errors.Is(e.Err, fs.ErrNotExist) != broken || (e.Err == nil) == broken {
			t.Errorf("%s: %v", e.Name, e.Err)
		}
		isOwn := broken || e.Name == "aside" || e.Name == "shell"
		if isOwn != (e.Dir == filepath.Join(own, e.Name)) || isOwn == (e.Dir == "") || e.Shadows != (e.Name == "shell") {
			t.Errorf("%+v", e)
		}
		if e.Name == "aside" && e.Labels["a"] != "b" {
			t.Errorf("labels %q", e.Labels)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	if got := agents.Names(config); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

// Without a directory of one's own there are the built-in ones; a directory
// that cannot be read is an error.
func TestListBuiltin(t *testing.T) {
	config := t.TempDir()
	all, err := agents.List(config)
	if err != nil || len(all) != len(agents.Builtin()) {
		t.Errorf("listed %v, %v", all, err)
	}
	if err := os.WriteFile(filepath.Join(config, "agents"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if all, err := agents.List(config); err == nil {
		t.Errorf("listed %v where a file is", all)
	}
	if got := agents.Names(config); !slices.Equal(got, agents.Builtin()) {
		t.Errorf("names %q", got)
	}
}
