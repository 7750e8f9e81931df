package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/docker-bottle/docker-bottle"

// TestLayering keeps the arrows between our packages pointing one way: main,
// commands, bottle, backends, bottlestate. Imports of test files are free.
func TestLayering(t *testing.T) {
	// -e: another system's files must not be in the way of the rule.
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := within(fields[0])
		seen[pkg] = true
		for _, path := range fields[1:] {
			if reason := forbidden(pkg, path); reason != "" {
				t.Errorf("%s imports %s: %s", fields[0], path, reason)
			}
		}
	}
	// A rule about a package that is no longer there would hold for ever.
	for _, pkg := range []string{".", "commands", "bottle", "backends", "backends/docker", "backends/inside", "backends/macoscontainer", "backends/smolmachines", "backends/tool", "bottlestate", "dirtar", "ociarchive"} {
		if !seen[pkg] {
			t.Errorf("package %s is not in the module: is the layering rule out of date?", pkg)
		}
	}
}

func TestLayeringRule(t *testing.T) {
	for _, tt := range []struct {
		pkg, path string
		allowed   bool
	}{
		{".", module + "/backends/docker", true},
		{".", module + "/commands", true},
		{"commands", module + "/bottle", true},
		{"commands", module + "/backends", true},
		{"commands", module + "/backends/docker", false},
		{"commands", "github.com/docker/cli/cli", true},
		{"bottle", module + "/dirtar", true},
		{"bottle", module + "/agents", false},
		{"bottle", module + "/commands", false},
		{"bottle", module + "/backends/smolmachines", false},
		{"backends", module + "/bottlestate", true},
		{"backends", module + "/bottle", false},
		{"backends/docker", module + "/backends", true},
		{"backends/docker", module + "/backends/smolmachines", false},
		{"backends/docker", module + "/backends/docker/inner", true},
		{"backends/smolmachines", module + "/backends/docker/inner", false},
		{"backends/docker", "github.com/docker/cli/cli/command", false},
		{"backends/docker", "github.com/moby/moby/client", true},
		{"backends/macoscontainer", module + "/ociarchive", true},
		{"backends/macoscontainer", module + "/backends/inside", true},
		{"backends/inside", module + "/backends/docker", false},
		{"ociarchive", module + "/backends", false},
		{"hack/bench", module + "/ociarchive", true},
		{"backends/backendtest", module + "/backends", true},
		{"backends/backendtest", module + "/backends/docker", false},
		{"backends/smolmachines/smolvmtest", module + "/backends/backendtest/fakevm", true},
		{"backends/smolmachines/smolvmtest", module + "/backends/macoscontainer/containertest", false},
		{"backends/smolmachines", module + "/backends/backendtest/fakevm", false},
		{"bottlestate", module + "/backends", false},
		{"dirtar", module + "/bottlestate", false},
		{"bottlestate", "github.com/moby/sys/atomicwriter", true},
		{"hack/bench", module + "/backends/docker", false},
	} {
		if reason := forbidden(tt.pkg, tt.path); (reason == "") != tt.allowed {
			t.Errorf("%s imports %s: allowed is %v, want %v (%s)", tt.pkg, tt.path, reason == "", tt.allowed, reason)
		}
	}
}

// forbidden says why pkg, a directory of ours, must not import path.
func forbidden(pkg, path string) string {
	concrete := strings.HasPrefix(pkg, "backends/")
	if path != module && !strings.HasPrefix(path, module+"/") {
		if concrete && (path == "github.com/docker/cli" || strings.HasPrefix(path, "github.com/docker/cli/")) {
			return "a backend is handed its client, and knows nothing of the docker CLI"
		}
		return ""
	}
	to := within(path)
	if concrete && strings.HasPrefix(to, pkg+"/") {
		return "" // a room of its own
	}
	var allowed []string
	switch {
	case concrete && strings.HasPrefix(to, pkg+"/"): // a part of the backend
		return ""
	case concrete:
		allowed = []string{"backends", "backends/inside", "backends/tool", "bottlestate", "dirtar", "ociarchive"}
		if strings.Count(pkg, "/") == 2 && strings.HasSuffix(pkg, "test") { // the fake of a tool
			allowed = []string{"backends/backendtest/fakevm"}
		}
	case pkg == "bottlestate", pkg == "dirtar", pkg == "ociarchive":
	case pkg == "backends":
		allowed = []string{"bottlestate"}
	case pkg == "bottle":
		allowed = []string{"backends", "bottlestate", "dirtar", "ociarchive"}
	default:
		if strings.HasPrefix(to, "backends/") && pkg != "." {
			return "only main names a concrete backend"
		}
		return ""
	}
	for _, a := range allowed {
		if to == a {
			return ""
		}
	}
	if len(allowed) == 0 {
		return pkg + " imports no package of ours"
	}
	return "of ours, " + pkg + " imports only " + strings.Join(allowed, ", ")
}

// within is a package's directory in the module.
func within(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}
