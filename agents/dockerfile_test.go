package agents_test

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/bottle"
)

// builtin returns a built-in agent's Dockerfile.
func builtin(t *testing.T, name string) []byte {
	t.Helper()
	a, err := agents.Resolve(name, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := a.ReadDockerfile()
	if err != nil {
		t.Fatal(err)
	}
	return dockerfile
}

var (
	pinnedBase    = regexp.MustCompile(`^[a-z]+:[0-9]+\.[0-9]+\.[0-9]+-[a-z]+-slim$`)
	pinnedVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	pinnedPackage = regexp.MustCompile(`^npm install --global (?:@[a-z-]+/)?[a-z-]+@\$\{([A-Z]+_VERSION)\}`)
)

// Every built-in Dockerfile is one that docker's own linter has nothing to say
// about, begins with a pinned base, ends as the agent's user in the workspace,
// and leaves no package lists in its layers.
func TestBuiltinDockerfiles(t *testing.T) {
	for _, name := range agents.Builtin() {
		t.Run(name, func(t *testing.T) {
			tree, err := parser.Parse(bytes.NewReader(builtin(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tree.Warnings {
				t.Errorf("the parser warns: %s", w.Short)
			}
			lint := linter.New(&linter.Config{Warn: func(rule, _, _, text string, _ []parser.Range) {
				t.Errorf("%s: %s", rule, text)
			}})
			stages, args, err := instructions.Parse(tree.AST, lint)
			if err != nil {
				t.Fatal(err)
			}
			if len(stages) != 1 || stages[0].BaseName != "${BASE}" || len(args) != 1 || args[0].Args[0].Key != "BASE" {
				t.Fatalf("want one stage, FROM the argument BASE")
			}
			if base := args[0].Args[0].ValueString(); !pinnedBase.MatchString(base) {
				t.Errorf("the base %s is not pinned to a version", base)
			}
			checkStage(t, name, stages[0])
		})
	}
}

func checkStage(t *testing.T, name string, stage instructions.Stage) {
	var user, dir string
	var command []string
	versions := map[string]string{}
	used := map[string]string{}
	for _, c := range stage.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.WorkdirCommand:
			dir = c.Path
		case *instructions.CmdCommand:
			command = c.CmdLine
		case *instructions.ArgCommand:
			for _, arg := range c.Args {
				versions[arg.Key] = arg.ValueString()
			}
		case *instructions.RunCommand:
			checkRun(t, strings.Join(strings.Fields(strings.Join(c.CmdLine, " ")), " "), user, used)
		}
	}
	if user != "agent" || dir != "/work" {
		t.Errorf("it ends as the user %q in %q", user, dir)
	}
	want := []string{name}
	if name == "shell" {
		want = []string{"bash"}
	} else if len(used) != 1 {
		t.Errorf("it installs %d packages of npm, want the agent", len(used))
	}
	if !slices.Equal(command, want) {
		t.Errorf("the command is %q, want %q", command, want)
	}
	for arg := range used {
		if !pinnedVersion.MatchString(versions[arg]) {
			t.Errorf("%s is %q, which is no version", arg, versions[arg])
		}
	}
	if len(versions) != len(used) {
		t.Errorf("the arguments are %v, and those used %v", versions, used)
	}
}

// checkRun notes in used which argument is the version of a package.
func checkRun(t *testing.T, run, user string, used map[string]string) {
	if strings.Contains(run, "apt-get install") {
		for _, part := range []string{"apt-get update && apt-get install -y --no-install-recommends ", " && rm -rf /var/lib/apt/lists/*"} {
			if !strings.Contains(run, part) {
				t.Errorf("%q lacks %q", run, part)
			}
		}
	}
	if strings.Contains(run, "npm install") {
		m := pinnedPackage.FindStringSubmatch(run)
		if m == nil || user != "agent" {
			t.Errorf("as user %q: %q installs a package that is not pinned, or cannot update itself", user, run)
			return
		}
		used[m[1]] = run
	}
}

// What the built-in agents have in common is the same, word for word.
func TestBuiltinCommon(t *testing.T) {
	body := func(name string) string {
		comment, rest, _ := strings.Cut(string(builtin(t, name)), "\n")
		if !strings.HasPrefix(comment, "# ") {
			t.Errorf("%s begins with %q, not with what it is", name, comment)
		}
		return rest
	}
	common, ok := strings.CutSuffix(body("shell"), "CMD [\"bash\"]\n")
	if !ok || !strings.Contains(common, "USER agent\n") {
		t.Fatalf("the shell's Dockerfile has more than what all have:\n%s", common)
	}
	for _, name := range agents.Builtin() {
		if !strings.HasPrefix(body(name), common) {
			t.Errorf("%s does not begin as shell does", name)
		}
	}
}

// The labels of the built-in agents make sense; the shell has none.
func TestBuiltinLabels(t *testing.T) {
	for _, name := range agents.Builtin() {
		labels, err := agents.Labels(builtin(t, name))
		if err != nil {
			t.Fatal(err)
		}
		about := bottle.ReadLabels(labels, func(format string, args ...any) { t.Errorf(name+": "+format, args...) })
		if name == "shell" {
			if len(labels) != 0 {
				t.Errorf("the shell has labels: %q", labels)
			}
			continue
		}
		if len(labels) != 3 || len(about.Secrets) < 2 || about.Missing == "" {
			t.Errorf("%s has the labels %q", name, labels)
		}
		if !strings.HasPrefix(about.Continue, name+" ") {
			t.Errorf("%s goes on with %q", name, about.Continue)
		}
		for _, secret := range about.Secrets {
			if !strings.Contains(about.Missing, secret) {
				t.Errorf("%s: %q does not name %s", name, about.Missing, secret)
			}
		}
	}
}

func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		dockerfile string
		want       map[string]string
	}{
		{"FROM scratch\n", map[string]string{}},
		{"FROM scratch\nLABEL a=1 b=\"two words\" 'c d'=x\nLABEL a=2\n", map[string]string{"a": "2", "b": "two words", "c d": "x"}},
		{"FROM scratch\nlabel a=\"1\\\n 2\"\n", map[string]string{"a": "1 2"}},
		{"FROM scratch\nLABEL a the rest\n", map[string]string{"a": "the rest"}},
		{"FROM scratch AS Base\nLABEL a=1 b=1\nFROM scratch AS other\nLABEL c=1\nFROM base\nLABEL b=2\n", map[string]string{"a": "1", "b": "2"}},
		{"# escape=`\nFROM scratch\nLABEL a=1 `\n b=2\n", map[string]string{"a": "1", "b": "2"}},
	} {
		got, err := agents.Labels([]byte(tt.dockerfile))
		if err != nil || !maps.Equal(got, tt.want) {
			t.Errorf("%q: got %q, %v; want %q", tt.dockerfile, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ dockerfile, want string }{
		{"", "no instructions"},
		{"FRM scratch\n", "line 1: unknown instruction: FRM"},
		{"LABEL a=1\n", "no build stage"},
		{"FROM scratch\nLABEL a=\"1\n", "unexpected end"},
	} {
		if got, err := agents.Labels([]byte(tt.dockerfile)); err == nil || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%q: got %q, %v; want an error with %q", tt.dockerfile, got, err, tt.want)
		}
	}
}
