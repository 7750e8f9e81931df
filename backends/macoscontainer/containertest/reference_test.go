//go:build linux

package containertest

import (
	"slices"
	"strings"
	"testing"
)

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

func TestReference(t *testing.T) {
	for text, want := range map[string]string{
		"base":                          "docker.io/library/base:latest",
		"docker-bottle/web:1":           "docker.io/docker-bottle/web:1",
		"ghcr.io/a/b":                   "ghcr.io/a/b:latest",
		"localhost/x:y":                 "localhost/x:y",
		"localhost:5000/x":              "localhost:5000/x:latest",
		"a.b/c:T_1.-":                   "a.b/c:T_1.-",
		"Upper":                         "",
		"localhost":                     "",
		"a:":                            "",
		"a:-x":                          "",
		"":                              "",
		"a//b":                          "",
		"a@sha256:12":                   "",
		strings.Repeat("0", 64):         "",
		"a:" + strings.Repeat("t", 129): "",
	} {
		got := ""
		if r, err := parseReference(text); err == nil {
			got = r.normalized().String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestGrammar pins that every command's table can be read, and has no name
// twice.
func TestGrammar(t *testing.T) {
	for _, c := range commands() {
		seen := map[string]bool{}
		for _, o := range c.table(versions[len(versions)-1]) {
			for _, name := range o.names {
				if seen[name] {
					t.Errorf("%s has %s twice", c.path, name)
				}
				seen[name] = true
			}
		}
		if c.about == "" || c.run == nil {
			t.Errorf("%s is not whole", c.path)
		}
	}
}
