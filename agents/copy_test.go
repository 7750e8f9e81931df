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

// All files of an agent are copied, with their modes; nothing else is left in
// the directory of the agents.
func TestCopy(t *testing.T) {
	config := t.TempDir()
	from := agent(t, filepath.Join(t.TempDir(), "mine"))
	if err := os.Mkdir(filepath.Join(from, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "sub", "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, err := agents.Resolve(from, config)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := agents.Copy(a, "Other.1", config)
	if err != nil || dir != filepath.Join(config, "agents", "Other.1") {
		t.Fatalf("got %s, %v", dir, err)
	}
	info, err := os.Stat(filepath.Join(dir, "sub", "run.sh"))
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("the file in the copy: %v, %v; want one to run", info, err)
	}
	if got, err := agents.Resolve("Other.1", config); err != nil || got.Dir != dir {
		t.Errorf("it resolves to %+v, %v", got, err)
	}
	assertOwn(t, config, "Other.1")
}

// A built-in agent's copy can be changed.
func TestCopyBuiltin(t *testing.T) {
	config := t.TempDir()
	a, err := agents.Resolve("claude", config)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := agents.Copy(a, "my-claude", config)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "Dockerfile"))
	if err != nil || info.Mode().Perm()&0o200 == 0 {
		t.Errorf("the Dockerfile: %v, %v; want one to write", info, err)
	}
}

// What cannot be copied, or would take a name that is taken or is none, leaves
// everything as it was.
func TestCopyFails(t *testing.T) {
	config := t.TempDir()
	taken := agent(t, filepath.Join(config, "agents", "taken"))
	if err := os.Symlink("nowhere", filepath.Join(config, "agents", "link")); err != nil {
		t.Fatal(err)
	}
	shell, err := agents.Resolve("shell", config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", ".hidden", "-x", "a/b", "../up", "a b", `a\b`, "ä"} {
		if dir, err := agents.Copy(shell, name, config); err == nil || errors.Is(err, fs.ErrExist) {
			t.Errorf("copied to %q: %s, %v", name, dir, err)
		}
	}
	for _, name := range []string{"taken", "link"} {
		if dir, err := agents.Copy(shell, name, config); !errors.Is(err, fs.ErrExist) || dir != filepath.Join(config, "agents", name) {
			t.Errorf("copied to %q: %s, %v; want fs.ErrExist", name, dir, err)
		}
	}
	gone := agents.Agent{Name: "gone", Dir: filepath.Join(config, "gone"), Dockerfile: filepath.Join(config, "gone", "Dockerfile")}
	if _, err := agents.Copy(gone, "new", config); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("copied from nowhere: %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(taken, "Dockerfile")); err != nil || string(data) != "FROM scratch\n" {
		t.Errorf("the agent that was there is %q, %v", data, err)
	}
	assertOwn(t, config, "link", "taken")
}

// assertOwn checks what is in the directory of the user's agents, hidden or not.
func assertOwn(t *testing.T, config string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(config, "agents"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}
