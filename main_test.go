package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer/containertest"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines/smolvmtest"
)

var update = flag.Bool("u", false, "update the expected output in the scripts")

func TestMain(m *testing.M) {
	fake() // see fakeTool
	testscript.Main(m, map[string]func(){"docker-bottle": main})
}

// TestScripts runs the behaviour in testdata/scripts. The scripts that need
// an engine have [docker] conditions, those that need the fake of Apple's
// container [apple], those that need the fake of smolvm [smolvm]; with CI set,
// an engine that does not answer is a failure, and so is a fake that cannot run
// here.
func TestScripts(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               engine.setup,
		Condition:           engine.condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"apple":    apple,
			"deepen":   deepen,
			"doc":      doc,
			"smol":     smol,
			"tmux":     tmux,
			"reboot":   reboot,
			"scripted": scripted,
			"cmpcost":  cmpcost,
			"term":     term,
			"poll":     backendtest.Poll,
		},
	})
}

// engine is the Docker engine that the scripts run against.
type engine struct {
	host, busybox string
	tmux          string // a root tree with tmux in it
	up            bool
	apple, smolvm bool // whether their fakes can run here
}

func newEngine(t *testing.T) *engine {
	e := &engine{host: os.Getenv("DOCKER_HOST"), busybox: backendtest.Busybox(t), tmux: os.Getenv("BOTTLE_TEST_TMUX")}
	api, err := client.New(client.FromEnv)
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = api.Ping(ctx, client.PingOptions{})
	}
	e.up = err == nil && e.busybox != ""
	appleErr := containertest.Available()
	e.apple = appleErr == nil && e.busybox != ""
	smolvmErr := smolvmtest.Available()
	e.smolvm = smolvmErr == nil && e.busybox != "" && e.up // its images are built by Docker
	if err := errors.Join(err, appleErr, smolvmErr); err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	return e
}

func (e *engine) condition(name string) (bool, error) {
	switch name {
	case "docker":
		return e.up, nil
	case "apple":
		return e.apple, nil
	case "smolvm":
		return e.smolvm, nil
	case "tmux":
		if e.tmux == "" && os.Getenv("CI") != "" {
			return false, errors.New("no tmux for images: make bin/tmux, and set BOTTLE_TEST_TMUX to its path")
		}
		return e.tmux != "", nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// setup gives a script a home of its own, the plugin in it, an agent made from
// scratch, and a word that no other script has, for the names of its bottles.
func (e *engine) setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	plugins := filepath.Join(home, ".docker", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o700); err != nil {
		return err
	}
	self, err := pluginFor(env)
	if err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(plugins, "docker-bottle")); err != nil {
		return err
	}
	env.Setenv("PATH", plugins+string(os.PathListSeparator)+env.Getenv("PATH"))
	word := "t" + strings.ToLower(rand.Text()[:8])
	env.Setenv("B", word)
	env.Setenv("HOME", home)
	env.Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, ".state"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, ".data"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
	env.Setenv("STATE", filepath.Join(env.WorkDir, ".state", "docker-bottle", "bottles"))
	env.Setenv("TZ", "UTC")
	env.Setenv("TMUX_TREE", e.tmux)
	env.Values[scriptedKey{}] = &scriptedEngine{}
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	if e.host != "" {
		env.Setenv("DOCKER_HOST", e.host)
	}
	if e.up {
		env.Defer(func() { sweep(word) })
	}
	if e.busybox == "" {
		return nil
	}
	_, err = backendtest.WriteAgent(filepath.Join(env.WorkDir, "agent"), e.busybox, "CMD [\"sh\", \"-c\", \"echo agent ready\"]\n")
	return err
}

// raced are the scripts in which the plugin itself does several things at once.
// They run it with the race detector, if the tests do; it makes a call several
// times as slow, and there are a thousand others.
var raced = regexp.MustCompile(`^(story|commit_(twice|interrupt|killed|progress)|compact_interrupt|exec_terminal|resume_running|session_.*|ls_watch|df_shared|doctor_fix|macos_freeze_interrupt|smol_freeze_interrupt)$`)

// pluginFor returns the program that is the plugin in a script.
func pluginFor(env *testscript.Env) (string, error) {
	if raced.MatchString(strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")) {
		return exec.LookPath("docker-bottle")
	}
	return plainProgram()
}

// sweep removes what a script has left on the engine: only things with its
// own word in the name.
func sweep(word string) {
	script := `
docker ps -aq --filter "label=io.github.docker-bottle.temporary=$1" | xargs -r docker rm -fv
docker images -q --filter "label=io.github.docker-bottle.temporary=$1" | xargs -r docker rmi -f
docker ps -aq --filter "name=^/?bottle-$1" | xargs -r docker rm -fv
docker images --format '{{.Repository}}:{{.Tag}}' "docker-bottle/$1*" | xargs -r docker rmi -f
docker images -q --filter "label=io.github.docker-bottle.snapshot.bottle=$1" | xargs -r docker rmi -f
docker volume ls -q --filter "name=^$1" | xargs -r docker volume rm -f
docker network ls -q --filter "name=^$1" | xargs -r docker network rm`
	if out, err := exec.Command("sh", "-ec", script, "sh", word).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cleaning up after %s: %v\n%s", word, err, out)
	}
}

func findInPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not on the script's PATH", name)
}

// apple VERSION puts a fake of Apple's container of that version on PATH. It
// keeps its state from call to call.
func apple(ts *testscript.TestScript, neg bool, args []string) {
	fakeTool(ts, neg, args, "container", "CONTAINERTEST", containertest.Cleanup)
}

// smol VERSION puts a fake of smolvm of that version on PATH.
func smol(ts *testscript.TestScript, neg bool, args []string) {
	fakeTool(ts, neg, args, "smolvm", "SMOLVMTEST", smolvmtest.Cleanup)
}

// reboot ends the machines of the fake of smolvm as the end of the host would.
func reboot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: reboot")
	}
	ts.Check(smolvmtest.Reboot(ts.Getenv("SMOLVMTEST_ROOT")))
}

// tmux AGENT puts tmux into the image of the agent in that directory.
func tmux(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tmux agent")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.CopyFS(filepath.Join(dir, "tmux"), os.DirFS(ts.Getenv("TMUX_TREE"))))
	file := filepath.Join(dir, "Dockerfile")
	lines, err := os.ReadFile(file)
	ts.Check(err)
	ts.Check(os.WriteFile(file, append(lines, "COPY tmux /\nENV PATH=/bin:/usr/bin\n"...), 0o644))
}

// plainProgram returns this test program, built without the race detector. It
// goes with the directory that testscript has the plugin in.
func plainProgram() (string, error) {
	plugin, err := exec.LookPath("docker-bottle")
	if err != nil {
		return "", err
	}
	return backendtest.Plain(filepath.Dir(plugin))
}

// fakeTool makes the test binary, which is the tool when it has its name, the
// tool that the script finds. The variables of its settings begin with prefix.
func fakeTool(ts *testscript.TestScript, neg bool, args []string, name, prefix string, cleanup func(root string) error) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: apple|smol version")
	}
	ts.Setenv(prefix+"_VERSION", args[0])
	if ts.Getenv(prefix+"_ROOT") != "" {
		return
	}
	self, err := plainProgram()
	ts.Check(err)
	dir := ts.MkAbs("." + name)
	bin, root, tmp := filepath.Join(dir, "bin"), filepath.Join(dir, "root"), filepath.Join(dir, "tmp")
	for _, dir := range []string{bin, root, tmp} {
		ts.Check(os.MkdirAll(dir, 0o755))
	}
	ts.Check(os.Symlink(self, filepath.Join(bin, name)))
	ts.Setenv(prefix+"_ROOT", root)
	ts.Setenv("TMPDIR", tmp)
	ts.Setenv("PATH", bin+string(os.PathListSeparator)+ts.Getenv("PATH"))
	ts.Defer(func() { ts.Check(cleanup(root)) })
}

// cmpcost FILE is "cmpenv stderr FILE", where sizes and times that follow a
// snapshot's name read SIZE and TIME.
func cmpcost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cmpcost file")
	}
	got := ts.ReadFile("stderr")
	for _, line := range cost.FindAllString(got, -1) {
		masked := costTime.ReplaceAllString(costSize.ReplaceAllString(line, " SIZE"), " TIME$1")
		got = strings.Replace(got, line, masked, 1)
	}
	want := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	if got != want {
		ts.Fatalf("stderr is, but for sizes and times:\n%s\nwant:\n%s", got, want)
	}
}

var (
	cost     = regexp.MustCompile(`(?m)@[0-9]+: .* in .*$`)
	costSize = regexp.MustCompile(` [0-9.]+[kMG]?B\b`)
	costTime = regexp.MustCompile(` [0-9][0-9.hmµs]*s(,| later|$)`)
)

// term [TEXT=>KEYS]... -- PROGRAM ARGS... runs a program on a terminal. Each
// time the terminal has shown TEXT, after what was typed before, KEYS are
// typed. What the terminal showed goes to stdout, and to stderr with what was
// said to the terminal itself. In KEYS, \n is the return key, ^X is Ctrl-X and ^[
// the escape key; KEYS that are "hangup" close the terminal instead, as the end of
// an ssh connection does.
func term(ts *testscript.TestScript, neg bool, args []string) {
	dash := slices.Index(args, "--")
	if dash < 0 || dash == len(args)-1 {
		ts.Fatalf("usage: term [text=>keys]... -- program [arg...]")
	}
	steps, args := args[:dash], args[dash+1:]
	cmd := exec.Command(args[0], args[1:]...)
	path, err := findInPath(ts.Getenv("PATH"), args[0])
	ts.Check(err)
	cmd.Path = path
	cmd.Dir = ts.MkAbs(".")
	for _, key := range scriptEnv {
		if value := ts.Getenv(key); value != "" {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
	}
	if ts.Getenv("TERM") == "" {
		cmd.Env = append(cmd.Env, "TERM=xterm")
	}
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	ts.Check(err)
	defer f.Close()
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()

	var shown strings.Builder
	seen := 0 // up to here everything has been answered
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		shown.Write(buf[:n])
		for len(steps) > 0 {
			text, keys, ok := strings.Cut(steps[0], "=>")
			if !ok {
				ts.Fatalf("term: %q is not text=>keys", steps[0])
			}
			at := strings.Index(shown.String()[seen:], text)
			if at < 0 {
				break
			}
			seen += at + len(text)
			steps = steps[1:]
			if keys == "hangup" {
				ts.Check(f.Close())
				break
			}
			if strings.HasPrefix(keys, "^B") {
				// tmux asks the terminal what it is, and takes keys for its answer.
				time.Sleep(500 * time.Millisecond)
			}
			_, err := f.WriteString(typed(keys))
			ts.Check(err)
		}
		if err != nil {
			break // a terminal whose program has ended: EIO on Linux, EOF elsewhere
		}
	}
	err = cmd.Wait()
	fmt.Fprint(ts.Stderr(), shown.String())
	fmt.Fprint(ts.Stdout(), text(shown.String()))
	switch {
	case len(steps) > 0:
		ts.Fatalf("the terminal has not shown %q, but:\n%s", steps[0], shown.String())
	case neg != (err != nil):
		ts.Fatalf("%s: %v; the terminal shows:\n%s", args[0], err, shown.String())
	}
	ts.Setenv("STATUS", strconv.Itoa(cmd.ProcessState.ExitCode()))
}

// scriptEnv is what a program on a terminal gets of the script's environment.
var scriptEnv = []string{
	"PATH", "HOME", "DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "TZ", "B",
	"XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "GORACE", "GOCOVERDIR",
	"TMPDIR", "CONTAINERTEST_ROOT", "CONTAINERTEST_VERSION", "CONTAINERTEST_LOG",
	"SMOLVMTEST_ROOT", "SMOLVMTEST_VERSION",
	"TERM", "NO_COLOR", "ACCESSIBLE", "STATE",
}

var (
	progress    = regexp.MustCompile(`\r((starting|freezing|compacting|resuming) [^\r\n]*)?\x1b\[K`)
	otherScreen = regexp.MustCompile(`\x1b\[\?1049[hl]`)
	escape      = regexp.MustCompile(`\x1b(\[[0-9;?>=]*[@-~]|[()][0-9A-Z]|[=>])`)
)

// text is what a terminal showed, without what was said to itself, and without
// the line of progress, which is gone. What is on its other screen is on lines
// of its own.
func text(shown string) string {
	shown = progress.ReplaceAllString(shown, "")
	shown = otherScreen.ReplaceAllString(shown, "\n")
	shown = escape.ReplaceAllString(shown, "")
	return strings.ReplaceAll(shown, "\r\n", "\n")
}

var control = regexp.MustCompile(`\^[A-Z[]`)

func typed(keys string) string {
	keys = strings.ReplaceAll(keys, `\n`, "\r")
	return control.ReplaceAllStringFunc(keys, func(key string) string { return string(rune(key[1] - '@')) })
}
