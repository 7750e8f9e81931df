//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const reference = "../../docs/reference"

// TestReference: the pages are what the commands say now.
func TestReference(t *testing.T) {
	target := t.TempDir()
	if err := generate(reference, target); err != nil {
		t.Fatal(err)
	}
	want, have := pages(t, target), pages(t, reference)
	for name, text := range want {
		if have[name] != text {
			t.Errorf("docs/reference/%s is out of date: run make docs", name)
		}
	}
	for name := range have {
		if want[name] == "" {
			t.Errorf("docs/reference/%s is of no command: remove it", name)
		}
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(data)
	}
	return all
}

// TestExamples: the command lines in the documentation have commands, options and
// arguments that there are.
func TestExamples(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/reference/*.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	example := regexp.MustCompile(`(?m)^(?:\$ |    )(docker bottle .*)$`)
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range example.FindAllSubmatch(text, -1) {
			count++
			if err := parse(words(t, string(m[1]))); err != nil {
				t.Errorf("%s: %s: %v", file, m[1], err)
			}
		}
	}
	if count == 0 {
		t.Error("there is no example")
	}
	if parse([]string{"bottle", "commit", "--massage", "x", "web"}) == nil || parse([]string{"bottle", "comit", "web"}) == nil {
		t.Error("an option and a command that are not there are taken")
	}
}

// words splits the first command of a line as the shell does. Nothing is run.
func words(t *testing.T, line string) []string {
	t.Helper()
	const shell = `PATH=/nowhere
docker() { printf '%s\0' "$@" >&3; exit; }
eval "$1" 3>&1 >/dev/null 2>&1`
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", shell, "sh", line).Output()
	if len(out) == 0 {
		t.Fatalf("%s: this is no command line: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// parse reads a command line as docker does, up to running it.
func parse(args []string) error {
	root, err := newRoot()
	if err != nil {
		return err
	}
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if help, _ := cmd.Flags().GetBool("help"); help || slices.Contains(rest, "--help") {
		return nil
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
