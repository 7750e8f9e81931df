//go:build linux

package bottle

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// The script as it runs without tmux, by the sh of this machine.
func TestScript(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	const anew = "nothing to continue; starting anew\n"
	agent := []string{"sh", "-c", `echo "agent $1"; exit 7`, "sh", `a 'b' "$c"`}
	const begun = "agent a 'b' \"$c\"\n"
	for _, tt := range []struct {
		name, mode, note, line string
		out, errOut            string
		status                 int
	}{
		{"plain", noSession, "", "", begun, "", 7},
		{"no tmux", attachSession, "no tmux", "", begun, "no tmux\n", 7},
		{"in the background", spawnSession, "", "", begun, "", 7},
		{"continues", noSession, "", "echo 'on'", "on\n", "", 0},
		{"nothing to continue", noSession, "", "echo none; exit 3", "none\n" + begun, anew, 7},
		{"no such program", noSession, "", "no-such-program 2>/dev/null", begun, anew, 7},
		{"interrupted", noSession, "", "exit 130", "", "", 130},
		{"ended by a signal", noSession, "", "exit 143", "", "", 143},
		{"fails after a while", noSession, "", sleep + " 6.1; exit 3", "", "", 3},
		{"no session to ask about", askSession, "", "", "", "", 1},
		{"no session to join", joinSession, "", "", "", "", 129},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := scripted(backends.Process{Args: agent}, tt.mode, bottlestate.Bottle{Slug: "web"}, tt.note, tt.line)
			out, errOut, status := runScript(t, p, t.TempDir())
			if out != tt.out || status != tt.status || !strings.HasSuffix(errOut, tt.errOut) || tt.errOut == "" && errOut != "" {
				t.Errorf("got %q, %q, status %d; want %q, %q, %d", out, errOut, status, tt.out, tt.errOut, tt.status)
			}
		})
	}
}

// An agent in the background is known to have ended, without tmux too; one that
// is begun anew is not.
func TestScriptEnded(t *testing.T) {
	tmp := t.TempDir()
	ask := scripted(backends.Process{}, askSession, bottlestate.Bottle{Slug: "web"}, "", "")
	for _, want := range []int{1, endedStatus, endedStatus} {
		if _, _, status := runScript(t, ask, tmp); status != want {
			t.Errorf("asked for the agent: status %d, want %d", status, want)
		}
		agent := backends.Process{Args: append([]string{"sh", "-c", `sh "$@" && exit 3; exit 4`, "sh"}, ask.Args[1:]...)}
		agent = scripted(agent, spawnSession, bottlestate.Bottle{Slug: "web"}, "", "")
		if _, _, status := runScript(t, agent, tmp); status != 4 {
			t.Errorf("an agent that asks for itself: status %d, want 4", status)
		}
	}
}

// runScript runs the script with nothing but sh on PATH, and tmp as the bottle's
// /tmp.
func runScript(t *testing.T, p backends.Process, tmp string) (out, errOut string, status int) {
	args := slices.Clone(p.Args[1:])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "/tmp/.bottle", tmp+"/.bottle")
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", args...)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"PATH=" + onlySh(t, sh)}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), status
}

// onlySh returns a directory with nothing but sh in it.
func onlySh(t *testing.T, sh string) string {
	dir := t.TempDir()
	if err := os.Symlink(sh, filepath.Join(dir, "sh")); err != nil {
		t.Fatal(err)
	}
	return dir
}
