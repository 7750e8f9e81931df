package inside

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// here is a bottle that is this machine, but for where its files are.
type here struct {
	dir   string
	shell []string
}

func (h here) State(context.Context, bottlestate.Bottle) (backends.State, error) {
	return backends.Running, nil
}

func (h here) Exec(ctx context.Context, _ bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	args := append([]string{}, h.shell...)
	for _, arg := range p.Args[1:] {
		args = append(args, strings.ReplaceAll(arg, backends.RunDir, h.dir))
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio.In, stdio.Out, stdio.Err
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &backends.ExitError{Code: exit.ExitCode()}
	}
	return err
}

// marked starts a program with a mark, to be ended after the test.
func marked(t *testing.T, mark string) *exec.Cmd {
	t.Helper()
	p := backends.Process{Args: []string{"sleep", "60"}, Env: []string{"LAST=a\nb"}}
	args, env := Launch(p, mark)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// The status is found while the program is there, and after it; it is not
// waited for where nothing will ever write it.
func TestStatus(t *testing.T) {
	for _, shell := range shells(t) {
		h := here{t.TempDir(), shell}
		run := strings.ToLower(rand.Text())
		file := filepath.Join(h.dir, run)
		ask := func() (string, error) { return askFor(t.Context(), h, web, run) }

		if status, err := ask(); err == nil || !strings.Contains(err.Error(), "stopped before its agent ended") {
			t.Errorf("%q, neither: %q, %v", shell, status, err)
		}
		cmd := marked(t, run)
		if status, err := ask(); status != "" || err != nil {
			t.Errorf("%q, no file yet: %q, %v", shell, status, err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, err := ask(); status != "" || err != nil {
			t.Errorf("%q, nothing in it yet: %q, %v", shell, status, err)
		}
		if err := os.WriteFile(file, []byte("42\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, when := range []string{"while it is there", "after it"} {
			if status, err := Wait(t.Context(), h, web, run, nil); status != 42 || err != nil {
				t.Errorf("%q, %s: %d, %v", shell, when, status, err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, err := ask(); err == nil {
			t.Errorf("%q, killed with nothing in the file: %q", shell, status)
		}
	}
}

// Only programs with the mark get the signal.
func TestEnd(t *testing.T) {
	for _, shell := range shells(t) {
		mark := strings.ToLower(rand.Text())
		mine, also, other := marked(t, mark), marked(t, mark), marked(t, strings.ToLower(rand.Text()))
		var out bytes.Buffer
		if err := (here{t.TempDir(), shell}).Exec(t.Context(), web, backends.Process{Args: End(mark, "TERM")}, backends.Stdio{Out: &out, Err: &out}); err != nil || out.Len() > 0 {
			t.Errorf("%q: %v, %s", shell, err, out.String())
		}
		for _, cmd := range []*exec.Cmd{mine, also} {
			_ = cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
				t.Errorf("%q: it ended with %v", shell, cmd.ProcessState)
			}
		}
		if err := other.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%q: another one has ended too: %v", shell, err)
		}
	}
}
