//go:build !windows

package tool

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var errUnknown = errors.New("unknown")

// newTool puts a script on PATH as the program of a tool.
func newTool(t *testing.T, script string) *Tool {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vm"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return &Tool{
		Program:  "vm",
		Groups:   []string{"machine"},
		Drop:     []string{"VM_DEBUG=", "VM_LOG_"},
		Progress: []string{"Pulling ", "Starting '"},
		Kinds: func(f *Failure) []error {
			if f.Says("no such machine") {
				return []error{errUnknown}
			}
			return nil
		},
		Hung: "look at it",
	}
}

func (t *Tool) once(ctx context.Context, limit time.Duration, args ...string) error {
	return t.Once(ctx, limit, func(ctx context.Context) *exec.Cmd { return t.Command(ctx, args...) })
}

func TestOnce(t *testing.T) {
	tool := newTool(t, `echo "$@" >>"$VM_OUT"; echo "Pulling a" >&2`)
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("VM_OUT", out)
	if err := tool.once(t.Context(), time.Minute, "machine", "start", "a b"); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(out); string(data) != "machine start a b\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestOnceFails(t *testing.T) {
	for _, tt := range []struct {
		name, stderr string
		args         []string
		want         string
		unknown      bool
	}{
		{"words", "Error: no such machine: web", []string{"machine", "stop", "--name", "web"}, "vm machine stop: no such machine: web", true},
		{"no group", "Error: bad", []string{"ls", "machine"}, "vm ls: bad", false},
		{"a group alone", "bad", []string{"machine"}, "vm machine: bad", false},
		{"nothing said", "", []string{"ls"}, "vm ls: exit status 3", false},
		{"progress", "Starting 'web'\nPulling a\nError: bad\nand why\nPulling b", []string{"ls"}, "vm ls: bad\nand why", false},
		{"only progress", "Pulling a\nStarting 'web'", []string{"ls"}, "vm ls: exit status 3", false},
		{"what only looks like it", "Pulling\n Pulling a", []string{"ls"}, "vm ls: Pulling\n Pulling a", false},
		{"an error in the midst", "warning\nError: bad", []string{"ls"}, "vm ls: warning\nError: bad", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tool := newTool(t, `printf %s "$VM_SAYS" >&2; exit 3`)
			t.Setenv("VM_SAYS", tt.stderr)
			err := tool.once(t.Context(), time.Minute, tt.args...)
			var failed *Failure
			var exit *exec.ExitError
			if !errors.As(err, &failed) || !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Fatalf("%T: %v", err, err)
			}
			if err.Error() != tt.want || failed.Stderr != tt.stderr || errors.Is(err, errUnknown) != tt.unknown {
				t.Errorf("got %q of %q, unknown: %v; want %q", err, failed.Stderr, errors.Is(err, errUnknown), tt.want)
			}
		})
	}
}

func TestOnceNoProgram(t *testing.T) {
	tool := newTool(t, ":")
	tool.Program = "no-such-vm"
	err := tool.once(t.Context(), time.Minute, "ls")
	var failed *Failure
	if !errors.As(err, &failed) || !errors.Is(err, exec.ErrNotFound) || !strings.HasPrefix(err.Error(), "no-such-vm ls: ") {
		t.Errorf("%T: %v", err, err)
	}
}

// A tool that hangs is given up, and it is said who did: the limit, or the
// caller, whose error is not wrapped.
func TestOnceHangs(t *testing.T) {
	tool := newTool(t, `echo said >&2; : >"$VM_BEGAN"; exec sleep 60`)
	began := filepath.Join(t.TempDir(), "began")
	t.Setenv("VM_BEGAN", began)
	start := time.Now()

	err := tool.once(t.Context(), 100*time.Millisecond, "machine", "start")
	var hung *DeadlineError
	if want := "vm machine start has not ended in 100ms and was given up; look at it"; !errors.As(err, &hung) || err.Error() != want {
		t.Errorf("the limit: %T: %v, want %s", err, err, want)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is taken for the caller's deadline", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := tool.once(ctx, time.Minute, "ls"); err != context.DeadlineExceeded {
		t.Errorf("the caller's deadline: %T: %v", err, err)
	}

	if err := os.Remove(began); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(began); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if err := tool.once(ctx, time.Minute, "ls"); err != context.Canceled {
		t.Errorf("the caller's cancel: %T: %v", err, err)
	}
	cancel()
	if err := tool.once(ctx, time.Minute, "ls"); err != context.Canceled {
		t.Errorf("cancelled before: %T: %v", err, err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCommandEnv(t *testing.T) {
	tool := newTool(t, "env")
	for name, value := range map[string]string{"VM_DEBUG": "1", "VM_DEBUGGER": "2", "VM_LOG_FORMAT": "json", "VM_LOG_": "", "VM_LOG": "3", "NOT_VM_DEBUG": "4"} {
		t.Setenv(name, value)
	}
	out, err := tool.Command(t.Context()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "VM_") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	slices.Sort(got)
	if want := []string{"NOT_VM_DEBUG=4", "VM_DEBUGGER=2", "VM_LOG=3"}; !slices.Equal(got, want) {
		t.Errorf("it was given %q, want %q", got, want)
	}
}

// An interrupt of the terminal is not for the tool.
func TestCommandGroup(t *testing.T) {
	tool := newTool(t, `ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat`)
	cmd := tool.Command(t.Context())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if group := strings.TrimSpace(string(out)); group != strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("group %s, process %d", group, cmd.Process.Pid)
	}
}

func TestTail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		writes []string
	}{
		{"nothing", nil},
		{"a little", []string{"a", "", "b\n"}},
		{"all there is room for", []string{strings.Repeat("x", 4096)}},
		{"one more", []string{"a", strings.Repeat("x", 4095), "b"}},
		{"much at once", []string{"a", strings.Repeat("0123456789", 1000)}},
		{"much in parts", slices.Repeat([]string{"0123456789abc"}, 2000)},
	} {
		var tail Tail
		for _, text := range tt.writes {
			buffer := []byte(text)
			if n, err := tail.Write(buffer); n != len(text) || err != nil {
				t.Errorf("%s: wrote %d, %v", tt.name, n, err)
			}
			clear(buffer) // it is the writer's again
		}
		want := strings.Join(tt.writes, "")
		want = want[max(0, len(want)-4096):]
		if tail.String() != want {
			t.Errorf("%s: %d bytes that end in %.20q, want %d", tt.name, len(tail.String()), tail.String()[max(0, len(tail.String())-20):], len(want))
		}
	}
}
