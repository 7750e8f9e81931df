package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Docker's own flags, however they are spelt, are those before the plugin's
// name, with their values: hints and builds need them to reach the same engine.
func TestGlobalFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", ""},
		{"bottle ls", ""},
		{"--context prod bottle ls", "--context prod"},
		{"--context=prod bottle ls", "--context=prod"},
		{"-c prod bottle ls", "-c prod"},
		{"-cprod bottle ls", "-cprod"},
		{"-c=prod bottle ls", "-c=prod"},
		{"-D -H tcp://h:1 bottle ls -q", "-D -H tcp://h:1"},
		{"-Htcp://h:1 bottle ls", "-Htcp://h:1"},
		{"-Dc prod bottle ls", "-Dc prod"},
		{"-DHtcp://h:1 bottle ls", "-DHtcp://h:1"},
		{"-D=false bottle ls", "-D=false"},
		{"-l debug --config /c bottle ls", "-l debug --config /c"},
		{"--tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c bottle", "--tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c"},
		{"--host bottle bottle ls", "--host bottle"}, // a value, whatever it looks like
		{"bottle --context prod ls", ""},
		{"bottle exec web docker -c prod", ""},
		{"--unknown bottle", ""},
		{"-x bottle", ""},
		{"- bottle", ""},
		{"-- bottle", ""},
		{"-c", "-c"},
		{"-D -Dc", "-D -Dc"},
		{"-D", "-D"},
	} {
		args := strings.Fields(tt.args)
		if got := globalFlags(args); strings.Join(got, " ") != tt.want {
			t.Errorf("globalFlags(%q) = %q, want %q", args, got, tt.want)
		}
		if strings.Join(args, " ") != tt.args {
			t.Errorf("globalFlags changed its arguments to %q", args)
		}
	}
}

// Called without docker, the plugin takes the same command line, less its own
// name; what shells ask it for completion too.
func TestWithName(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"docker-bottle", "docker-bottle bottle"},
		{"docker-bottle ls -q", "docker-bottle bottle ls -q"},
		{"docker-bottle --help", "docker-bottle bottle --help"},
		{"docker-bottle -c prod ls", "docker-bottle -c prod bottle ls"},
		{"docker-bottle -Htcp://h:1 ls", "docker-bottle -Htcp://h:1 bottle ls"},
		{"docker-bottle -c", "docker-bottle -c bottle"},
		{"docker-bottle start -- -c prod", "docker-bottle bottle start -- -c prod"},
		{"docker-bottle __complete resume w", "docker-bottle __complete bottle resume w"},
		{"docker-bottle __completeNoDesc resume w", "docker-bottle __completeNoDesc bottle resume w"},
		{"docker-bottle -D __complete ls", "docker-bottle -D __complete bottle ls"},
	} {
		args := strings.Fields(tt.args)
		before := slices.Clone(args)
		if got := strings.Join(withName(args), " "); got != tt.want {
			t.Errorf("withName(%q) = %q, want %q", tt.args, got, tt.want)
		}
		if !slices.Equal(args, before) {
			t.Errorf("withName changed its arguments to %q", args)
		}
	}
}

// A bottle's artifacts are never where the records are, whatever its name.
func TestArtifactsDir(t *testing.T) {
	for _, tt := range []struct{ data, state, want string }{
		{"/d", "/s", "/d/docker-bottle"},
		{"/home", "/home", "/home/docker-bottle/artifacts"},
		{"/home/", "/home", "/home/docker-bottle/artifacts"},
	} {
		if got := filepath.ToSlash(artifactsDir(tt.data, tt.state)); got != tt.want {
			t.Errorf("artifactsDir(%q, %q) = %q, want %q", tt.data, tt.state, got, tt.want)
		}
	}
}
