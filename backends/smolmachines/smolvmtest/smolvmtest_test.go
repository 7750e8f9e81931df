//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"smolvm": Main})
}

// TestScripts runs what the tool does and what it refuses, in testdata/scripts.
// Each script has a root of its own, and an archive of an image, base.tar.
func TestScripts(t *testing.T) {
	base := newBase(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: base.setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"image":    imageCommand,
			"manifest": manifestCommand,
			"poll":     backendtest.Poll,
			"reboot":   reboot,
			"status":   status,
			"vanished": vanished,
		},
	})
}

// base is an archive of an image, which the tests link to.
type base struct{ archive, busybox string }

func newBase(t *testing.T) *base {
	b := &base{archive: filepath.Join(t.TempDir(), "base.tar"), busybox: backendtest.Busybox(t)}
	if b.busybox == "" {
		t.Skip("no static busybox: set BOTTLE_TEST_BUSYBOX")
	}
	if err := Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err := writeBase(b.archive, b.busybox); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *base) setup(env *testscript.Env) error {
	root, tmp := filepath.Join(env.WorkDir, ".root"), filepath.Join(env.WorkDir, ".tmp")
	env.Setenv("SMOLVMTEST_ROOT", root)
	env.Setenv("TMPDIR", tmp)
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	env.Setenv("BUSYBOX", b.busybox)
	env.Defer(func() {
		if err := Cleanup(root); err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
		}
	})
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	return link(b.archive, filepath.Join(env.WorkDir, "base.tar"))
}
