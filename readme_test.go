package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromises: each promise in the README names scripts that are there and
// say in their first comment that they are about it, and the other way round.
func TestPromises(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| ([0-9]+) \\| .* \\| ((?:`[a-z_]+` ?)+) \\|$")
	claimed := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		for _, name := range strings.Fields(m[2]) {
			claimed[m[1]+" "+strings.Trim(name, "`")] = true
		}
	}
	scripts, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil || len(claimed) == 0 || len(scripts) == 0 {
		t.Fatalf("%d claims, %d scripts, %v", len(claimed), len(scripts), err)
	}
	said := map[string]bool{}
	for _, path := range scripts {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		promises := regexp.MustCompile(`\A# Promises? ([0-9, and]+)`).FindString(string(data))
		for _, number := range regexp.MustCompile(`[0-9]+`).FindAllString(promises, -1) {
			said[number+" "+strings.TrimSuffix(filepath.Base(path), ".txtar")] = true
		}
	}
	for claim := range claimed {
		if !said[claim] {
			t.Errorf("the README names a script for promise %s, which does not say so", claim)
		}
	}
	for claim := range said {
		if !claimed[claim] {
			t.Errorf("the README does not name the script for promise %s", claim)
		}
	}
}
