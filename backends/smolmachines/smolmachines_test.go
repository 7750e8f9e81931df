package smolmachines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/docker"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines/smolvmtest"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "smolvm" {
		smolvmtest.Main()
	}
	dir, err := os.MkdirTemp("", "fake")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// programs is where the fake tool is built.
var programs string

// TestConformance runs against the real tool, on a machine that has it and KVM.
// Images are built by the Docker engine of $DOCKER_HOST, or the local one.
func TestConformance(t *testing.T) {
	backendtest.Real(t, "smolvm")
	backendtest.Run(t, open(t, t.TempDir()), backendtest.Busybox(t))
}

// TestConformanceFake runs against the fake: of the oldest version that can be
// worked with, and of the newest, which keeps more of an image.
func TestConformanceFake(t *testing.T) {
	for _, version := range []string{"1.12.0", "1.23.0"} {
		t.Run(version, func(t *testing.T) {
			fake(t, version)
			backendtest.Run(t, open(t, t.TempDir()), backendtest.Busybox(t))
		})
	}
}

// fake puts the fake tool on PATH, with a state of its own.
func fake(t *testing.T, version string) {
	t.Helper()
	if err := smolvmtest.Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	self, err := backendtest.Plain(programs)
	if err != nil {
		t.Fatal(err)
	}
	bin, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "smolvm")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("SMOLVMTEST_ROOT", root)
	t.Setenv("SMOLVMTEST_VERSION", version)
	t.Cleanup(func() {
		if err := smolvmtest.Cleanup(root); err != nil {
			t.Error(err)
		}
	})
}

// open returns a backend that keeps its files in dir, and has images built by
// the Docker engine.
func open(t *testing.T, dir string) *smolmachines.Backend {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(fmt.Errorf("no Docker engine: %w", err))
	}
	engine := docker.New(api, docker.Engine{Context: "default", Address: api.DaemonHost(), Command: []string{"docker"}})
	return smolmachines.New(
		smolmachines.Dirs{Artifacts: filepath.Join(dir, "artifacts"), Cache: filepath.Join(dir, "cache")},
		smolmachines.Builder{Name: "docker", Open: func() (smolmachines.ImageSource, error) { return engine, nil }},
	)
}
