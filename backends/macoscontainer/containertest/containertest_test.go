//go:build linux

package containertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"container": Main})
}

// TestScripts runs what the tool does and what it refuses, in testdata/scripts.
// Each script has a root of its own in which there is one image, base.
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
			"archive":  archive,
			"layout":   layoutOf,
			"poll":     backendtest.Poll,
			"vanished": vanished,
		},
	})
}

// base is a root with an image in it, from which those of the tests are copied.
type base struct{ root, busybox string }

const dockerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY passwd group /etc/
COPY --chown=1000:1000 home /home/dev
ENV PATH=/bin COLOR=blue
WORKDIR /srv
LABEL kind=base
STOPSIGNAL SIGINT
CMD ["sh", "-c", "trap 'exit 3' INT TERM; echo ready; while :; do sleep 0.1; done"]
`

func newBase(t *testing.T) *base {
	b := &base{root: filepath.Join(t.TempDir(), "root"), busybox: backendtest.Busybox(t)}
	if b.busybox == "" {
		t.Skip("no static busybox: set BOTTLE_TEST_BUSYBOX")
	}
	if err := Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	program, err := os.ReadFile(b.busybox)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"Dockerfile": dockerfile,
		"busybox":    string(program),
		"passwd":     "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n",
		"group":      "root:x:0:\ndev:x:1000:\naudio:x:29:dev\n",
		"home/notes": "hello\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("container", "build", "-t", "base", dir)
	build.Env = append(os.Environ(), "CONTAINERTEST_ROOT="+b.root, "GORACE=atexit_sleep_ms=10")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the image: %v\n%s", err, out)
	}
	if err := fakevm.Remove(filepath.Join(b.root, "containers")); err != nil { // the builder
		t.Fatal(err)
	}
	return b
}

// in makes a root, and cleans it up at the end.
func (b *base) in(dir string, atEnd func(func())) error {
	atEnd(func() {
		if err := Cleanup(dir); err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
		}
	})
	return os.CopyFS(dir, os.DirFS(b.root))
}

func (b *base) setup(env *testscript.Env) error {
	root := filepath.Join(env.WorkDir, ".root")
	tmp := filepath.Join(env.WorkDir, ".tmp")
	env.Setenv("CONTAINERTEST_ROOT", root)
	env.Setenv("TMPDIR", tmp)
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	env.Setenv("BUSYBOX", b.busybox)
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	return b.in(root, env.Defer)
}

// run runs the tool in a test that is not a script.
func (b *base) command(t *testing.T, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "container", args...)
	cmd.Env = append(os.Environ(), "CONTAINERTEST_ROOT="+root, "GORACE=atexit_sleep_ms=10")
	cmd.Dir = t.TempDir()
	return cmd
}

func (b *base) must(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := b.command(t, root, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("container %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
