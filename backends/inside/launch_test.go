//go:build !windows

package inside

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
)

// shells are those of this machine that an image may have for its sh.
func shells(t *testing.T) [][]string {
	t.Helper()
	all := [][]string{{"/bin/sh"}}
	if bash, err := exec.LookPath("bash"); err == nil {
		all = append(all, []string{bash, "--posix"}, []string{bash})
	}
	if busybox := os.Getenv("BOTTLE_TEST_BUSYBOX"); busybox != "" {
		all = append(all, []string{busybox, "sh"})
	}
	return all
}

// lookPath is where a program is that every machine has.
func lookPath(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs what Launch returns, with the variables of an image.
func run(t *testing.T, shell []string, p backends.Process, image ...string) (stdout, stderr string, code int) {
	t.Helper()
	args, env := Launch(p, "mark1")
	if args[0] != "/bin/sh" {
		t.Fatalf("args %q", args)
	}
	args = append(slices.Clone(shell), args[1:]...)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH")}, image...), env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestLaunchEnv(t *testing.T) {
	given := []string{
		"A=1", "B=first", "B=", "B=last", "EMPTY=", "NOTHING",
		"LINES=a\nb\n\n", "QUOTES=it's \"a\" `id` $(id) ${A} $A \\ \\n", "EQUALS=a=b==c=", "GLOB=*", "BLANK= x\t ",
		"IFS=:/", "PATH=/given:" + os.Getenv("PATH"), "HOME=/given home", "user=x", "f=y", "_x1=z", "UTF=naïve", "BYTES=\xff\xfe", "DASH=--",
	}
	if err := CheckEnv(given); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		markEnv: "mark1", "KEPT": "image's",
		"A": "1", "B": "last", "EMPTY": "", "NOTHING": "",
		"LINES": "a\nb\n\n", "QUOTES": "it's \"a\" `id` $(id) ${A} $A \\ \\n", "EQUALS": "a=b==c=", "GLOB": "*", "BLANK": " x\t ",
		"IFS": ":/", "PATH": "/given:" + os.Getenv("PATH"), "HOME": "/given home", "user": "x", "f": "y", "_x1": "z", "UTF": "naïve", "BYTES": "\xff\xfe", "DASH": "--",
	}
	for _, shell := range shells(t) {
		out, errOut, code := run(t, shell, backends.Process{Args: []string{lookPath(t, "env"), "-0"}, Env: given}, "KEPT=image's", "A=image's", "EMPTY=image's", "user=image's")
		got := map[string]string{}
		for v := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
			name, value, _ := strings.Cut(v, "=")
			got[name] = value
		}
		for _, own := range []string{"PWD", "OLDPWD", "SHLVL", "_"} {
			delete(got, own) // the shell's
		}
		if !maps.Equal(got, want) || errOut != "" || code != 0 {
			t.Errorf("%q: status %d, %q\n got %q\nwant %q", shell, code, errOut, got, want)
		}
	}
}

// Nothing of a value is in the arguments, which everybody can see.
func TestLaunchHides(t *testing.T) {
	args, env := Launch(backends.Process{Args: []string{"prog", "arg"}, Env: []string{"TOKEN=secret", "A=1", "TOKEN=secret2"}}, "m")
	if want := []string{"/bin/sh", "-c", launch, "sh", "A", "TOKEN", "--", "prog", "arg"}; !slices.Equal(args, want) {
		t.Errorf("args %q, want %q", args, want)
	}
	if want := []string{"BOTTLE_EXEC=m", "BOTTLE_ENV_A=1", "BOTTLE_ENV_TOKEN=secret2"}; !slices.Equal(env, want) {
		t.Errorf("env %q, want %q", env, want)
	}
}

func TestLaunchArgs(t *testing.T) {
	odd := []string{"--", "-n", "a b", "", "it's", `"$A"`, "*", "two\nlines", "A"}
	for _, shell := range shells(t) {
		p := backends.Process{
			Args: append([]string{"/bin/sh", "-c", `printf '<%s>' "$@"; echo e >&2; exit 7`, "x"}, odd...),
			Env:  []string{"A=1", "B=2"},
		}
		for _, p.Env = range [][]string{p.Env, nil} {
			out, errOut, code := run(t, shell, p)
			if want := "<" + strings.Join(odd, "><") + ">"; out != want || errOut != "e\n" || code != 7 {
				t.Errorf("%q: status %d, %q, %q; want %q", shell, code, errOut, out, want)
			}
		}
		if _, errOut, code := run(t, shell, backends.Process{Args: []string{"/no/such program"}}); code != 127 || !strings.Contains(errOut, "/no/such program") {
			t.Errorf("%q, no program: status %d, %q", shell, code, errOut)
		}
	}
}

func TestCheckEnv(t *testing.T) {
	const chars, shellsOwn, bottles = "only letters, digits and _", "a shell may not let it be set", "the name is the bottle's own"
	for _, tt := range []struct{ variable, want string }{
		{"A=1", ""}, {"a_1=x y", ""}, {"_=", ""}, {"__A", ""}, {"A=B-C=", ""}, {"UIDS=1", ""}, {"uid=1", ""}, {"BOTTLE=1", ""}, {"BOTTLE_EXECS=1", ""}, {"MY_BOTTLE_ENV_A=1", ""},
		{"", chars}, {"=", chars}, {"=x", chars}, {"1A=x", chars}, {"A-B=x", chars}, {"A.B=x", chars}, {"A B=x", chars}, {"A\n=x", chars}, {"Ä=x", chars}, {"$(id)=x", chars}, {"A;id=x", chars},
		{"UID=1", shellsOwn}, {"EUID=1", shellsOwn}, {"PPID=1", shellsOwn}, {"SHELLOPTS=", shellsOwn}, {"BASHOPTS", shellsOwn},
		{"BOTTLE_EXEC=1", bottles}, {"BOTTLE_ENV_=1", bottles}, {"BOTTLE_ENV_A=1", bottles}, {"BOTTLE_ENV_BOTTLE_ENV_A", bottles},
	} {
		err := CheckEnv([]string{"FINE=1", tt.variable, "FINE=2"})
		name, _, _ := strings.Cut(tt.variable, "=")
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q: %v", tt.variable, err)
		case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "variable "+name+": "+tt.want)):
			t.Errorf("%q: %v, want %s", tt.variable, err, tt.want)
		}
	}
	if err := CheckEnv(nil); err != nil {
		t.Error(err)
	}
}

// A program in the background leaves its status and what it said, and is given
// what it would be in the foreground.
func TestBackground(t *testing.T) {
	for _, shell := range shells(t) {
		dir := filepath.Join(t.TempDir(), "run")
		here := func(args []string) *exec.Cmd {
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], backends.RunDir, dir)
			}
			args = append(slices.Clone(shell), args[1:]...)
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "f=mine"}
			return cmd
		}
		for range 2 {
			if out, err := here([]string{"/bin/sh", "-c", MakeRunDir}).CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%q: %v, %s", shell, err, out)
			}
		}
		for i, tt := range []struct {
			args   []string
			status string
		}{
			{[]string{"/bin/sh", "-c", `echo "$f" "$@"; echo err >&2; cat; exit 4`, "x", "a b", "--"}, "4\n"},
			{[]string{"/bin/sh", "-c", "kill -9 $$"}, "137\n"},
			{[]string{"/no/program"}, "127\n"},
		} {
			run := string(rune('a' + i))
			p := Background(backends.Process{Args: slices.Clone(tt.args)}, run)
			if out, err := here(p.Args).CombinedOutput(); err != nil || len(out) > 0 && i != 1 { // a shell may tell of the kill
				t.Errorf("%q, %q: %v, %s", shell, tt.args, err, out)
			}
			if status, err := os.ReadFile(filepath.Join(dir, run)); string(status) != tt.status {
				t.Errorf("%q, %q: status %q, %v; want %q", shell, tt.args, status, err, tt.status)
			}
		}
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil || !strings.HasPrefix(string(log), "mine a b --\nerr\n") || !strings.Contains(string(log), "/no/program") {
			t.Errorf("%q: log %q, %v", shell, log, err)
		}
		// The one place that a program of any user can write to.
		for name, mode := range map[string]os.FileMode{dir: os.ModeDir | os.ModeSticky | 0o777, filepath.Join(dir, "log"): 0o666} {
			if info, err := os.Stat(name); err != nil || info.Mode() != mode {
				t.Errorf("%q: %s is %v, %v", shell, name, info.Mode(), err)
			}
		}
	}
}
