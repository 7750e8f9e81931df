package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// doc FILE NAME... runs the console blocks of a document of this project, from
// the first to the last, in the script's directory. A line that begins with "$ "
// is typed, one with "> " goes on with it, what follows is what has to be shown:
// numbers with a unit, ages and the width of columns may differ, a line of "…"
// stands for any lines, and one that ends with it for any that begins so. Where nothing is shown, only the exit status counts.
// The names are those of the document's bottles, which get names of the script's
// own.
func doc(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: doc file bottle...")
	}
	text, err := os.ReadFile(args[0])
	ts.Check(err)
	own := regexp.MustCompile(`\b(` + strings.Join(args[1:], "|") + `)\b`)
	ran := 0
	for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		for _, step := range steps(own.ReplaceAllString(block[1], ts.Getenv("B")+"-$1")) {
			ran++
			got, err := inShell(ts, step.command)
			if err != nil {
				ts.Fatalf("%s: %s\n%s%v", args[0], step.command, got, err)
			}
			if step.shows != "" && !sameScreen(step.shows, got) {
				ts.Fatalf("%s: %s\nshows:\n%s\nbut the document says:\n%s", args[0], step.command, got, step.shows)
			}
		}
	}
	if ran == 0 {
		ts.Fatalf("%s has no console block", args[0])
	}
}

var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

type step struct{ command, shows string }

func steps(block string) []step {
	var all []step
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, step{command: command})
			continue
		}
		last := &all[len(all)-1]
		if more, ok := strings.CutPrefix(line, "> "); ok && last.shows == "" {
			last.command += more
		} else {
			last.shows += line
		}
	}
	return all
}

// inShell runs a command where the one before has left the shell.
func inShell(ts *testscript.TestScript, command string) (string, error) {
	const shell = `state=$HOME/.shell
[ ! -e "$state" ] || . "$state"
cd "$HERE"
trap 'status=$?; HERE=$PWD; export -p >"$state"; exit $status' EXIT
`
	cmd := exec.Command("sh", "-c", shell+command)
	cmd.Dir = ts.MkAbs(".")
	for _, key := range scriptEnv {
		if value := ts.Getenv(key); value != "" {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, "HERE="+filepath.Clean(cmd.Dir))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// varying is what no two runs have in common.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`(Less than a|About an?|\d+) (second|minute|hour|day|week)s?( ago)?`), "AGE"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ?(B|kB|MB|GB|ms|s)\b`), "AMOUNT"},
	{regexp.MustCompile(`sha256:[0-9a-f]+`), "DIGEST"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?`), "TIME"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

// sameScreen compares what a document shows with what a terminal does.
func sameScreen(want, got string) bool {
	for _, v := range varying {
		want, got = v.pattern.ReplaceAllString(want, v.name), v.pattern.ReplaceAllString(got, v.name)
	}
	var pattern strings.Builder
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		begin, cut := strings.CutSuffix(line, "…")
		switch {
		case line == "…":
			pattern.WriteString(`(?:.*\n)*?`)
		case cut:
			pattern.WriteString(regexp.QuoteMeta(begin) + `.*\n`)
		default:
			pattern.WriteString(regexp.QuoteMeta(line) + ` ?\n`)
		}
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`).MatchString(strings.ReplaceAll(got, "\n ", "\n"))
}
