package macoscontainer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer/containertest"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "container" {
		containertest.Main()
	}
	os.Exit(m.Run())
}

// TestConformance runs against the real tool, on a Mac that has it.
func TestConformance(t *testing.T) {
	if _, err := exec.LookPath("container"); err != nil {
		t.Skip("Apple's container is not here")
	}
	backendtest.Run(t, macoscontainer.New(), backendtest.Busybox(t))
}

// TestConformanceFake runs against the fake, of versions that freeze in
// different ways.
func TestConformanceFake(t *testing.T) {
	for _, version := range []string{"1.2.0", "1.4.1"} {
		t.Run(version, func(t *testing.T) {
			fake(t, version)
			backendtest.Run(t, macoscontainer.New(), backendtest.Busybox(t))
		})
	}
}

// fake puts the fake tool on PATH, with a state of its own.
func fake(t *testing.T, version string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "container")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("CONTAINERTEST_ROOT", root)
	t.Setenv("CONTAINERTEST_VERSION", version)
	t.Cleanup(func() {
		if err := containertest.Cleanup(root); err != nil {
			t.Error(err)
		}
	})
}
