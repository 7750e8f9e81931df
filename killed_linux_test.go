package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer/containertest"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines/smolvmtest"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// verb is a command that is killed at every point of its way.
type verb struct {
	name string
	// begin is what was done before the first time, prepare before each one.
	// The bottle runs then, and has one snapshot.
	begin, prepare func(w *killWorld)
	args           func(w *killWorld) []string
	// removes is set for a verb that takes snapshots away: what it has begun
	// with may be gone.
	removes bool
	// ends is set for one that leaves no bottle.
	ends bool
	// only is the one backend that has something to do for it.
	only string
}

var verbs = []verb{
	{name: "commit", prepare: change, args: words("commit", "-q", "-y", "$B")},
	{name: "resume", prepare: lose, args: words("resume", "-d", "$B")},
	{name: "resume --at", begin: commit, prepare: turn, args: words("resume", "-d", "-y", "--at", "$TURN", "$B")},
	{name: "compact", begin: commit, prepare: deeper, args: words("compact", "-q", "$B"), only: "docker"},
	{name: "prune", prepare: commit, args: words("prune", "-f", "--keep", "1", "$B"), removes: true},
	{name: "rm", prepare: anew, args: words("rm", "-f", "$B"), removes: true, ends: true},
}

// killed is an engine whose bottles are tried.
type killed struct {
	backend string
	tool    string   // what the backend runs, or "" for the Docker engine
	program string   // is the plugin and the tool, by the name it is called by
	lose    []string // takes the bottle's container away, as bad luck would
	left    string   // lists what the engine has of the bottle $1, for sh
	// looks reports whether a call of the tool changes nothing.
	looks func(args string) bool
	setup func(t *testing.T, w *killWorld)
	// every is how many points there are from one that is tried to the next.
	every int
	// stops is set if a commit stops the bottle: one that is killed leaves it
	// so, for the next resume.
	stops bool
}

// TestKilledDocker and its like for the tools: promise 7. Each verb is killed
// before each thing that it does, and after each that changes something
// outside, when the answer has come and was not heard. Things done are the
// calls to the engine or the tool, and the changes to the files of the records.
// A kill after a look-up or after a write finds what a kill before the next
// step finds, so those are one point, as are look-ups in a row. The last point
// is before the end of the program.
func TestKilledDocker(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	if !e.up {
		t.Skip("no Docker engine")
	}
	testKilled(t, e, dockerKilled)
}

var dockerKilled = killed{
	backend: "docker",
	every:   4,
	lose:    []string{"docker", "rm", "-fv", "bottle-$B"},
	left:    `docker ps -aq --filter "name=^/?bottle-$1\$"; docker images -q "docker-bottle/$1"`,
	setup:   func(t *testing.T, w *killWorld) { t.Cleanup(func() { sweep(w.slug) }) },
}

func TestKilledApple(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	if !e.apple {
		t.Skip("no fake of Apple's container")
	}
	testKilled(t, e, killed{
		backend: "macos-container",
		every:   4,
		tool:    "container",
		lose:    []string{"container", "delete", "--force", "bottle-$B"},
		left:    `{ container list --all -q; container image list -q; } >all; ! grep "$1" all`,
		looks: func(args string) bool {
			for _, look := range []string{"inspect", "image inspect", "list", "image list", "system version", "system status"} {
				if strings.HasPrefix(args, look) {
					return true
				}
			}
			return false
		},
		setup: func(t *testing.T, w *killWorld) {
			root := w.mkdir("root")
			w.setenv("CONTAINERTEST_ROOT="+root, "CONTAINERTEST_VERSION=1.4.1")
			t.Cleanup(func() {
				if err := containertest.Cleanup(root); err != nil {
					t.Error(err)
				}
			})
		},
	})
}

func TestKilledSmolvm(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	if !e.smolvm {
		t.Skip("no fake of smolvm")
	}
	testKilled(t, e, killed{
		backend: "smolmachines",
		every:   4,
		tool:    "smolvm",
		stops:   true,
		lose:    []string{"smolvm", "machine", "delete", "-f", "--name", "bottle-$B"},
		left:    `{ smolvm machine ls --json; find "$XDG_DATA_HOME" -name '*.smolmachine'; } >all; ! grep "$1" all`,
		looks: func(args string) bool {
			for _, look := range []string{"--version", "machine --help", "machine status", "machine ls", "machine data-dir", "pack run"} {
				if strings.HasPrefix(args, look) {
					return true
				}
			}
			return false
		},
		setup: func(t *testing.T, w *killWorld) {
			root := w.mkdir("root")
			w.setenv("SMOLVMTEST_ROOT="+root, "SMOLVMTEST_VERSION=1.12.0", "DOCKER_HOST="+cmp.Or(e.host, client.DefaultDockerHost))
			t.Cleanup(func() {
				if err := smolvmtest.Cleanup(root); err != nil {
					t.Error(err)
				}
			})
		},
	})
}

// testKilled tries every point with $BOTTLE_TEST_CRASH set, which takes a while
// (make crash), and otherwise some of each verb's.
func testKilled(t *testing.T, e *engine, k killed) {
	if os.Getenv("BOTTLE_TEST_CRASH") != "" {
		k.every = 1
	}
	var err error
	if k.program, err = plainProgram(); err != nil {
		t.Fatal(err)
	}
	for _, v := range verbs {
		if v.only != "" && v.only != k.backend {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			newKillWorld(t, e, k).try(v)
		})
	}
}

// try kills the verb at its first point, then at its second, and so on, until
// it comes to its end.
func (w *killWorld) try(v verb) {
	w.start(w.slug)
	w.bottle("commit", "-q", "-y", w.slug)
	if v.begin != nil {
		v.begin(w)
	}
	var points []string
	for at := 1; ; at += w.every {
		if v.prepare != nil {
			v.prepare(w)
		}
		before := w.snapshots()
		args := v.args(w)
		point, output := w.kill(at, args)
		if point == "" {
			if output.status.ExitStatus() != 0 {
				w.t.Fatalf("%q, not killed, fails: %s", args, output.text)
			}
			break
		}
		points = append(points, fmt.Sprintf("%3d %s", at, point))
		w.where = fmt.Sprintf("killed %q at point %d, %s", args, at, point)
		w.works(v, before)
		w.repeat(v, args)
		if !v.ends {
			w.keeps(v, before)
			w.notPaused()
		}
	}
	w.where = ""
	w.boots(v)
	w.t.Logf("%s: %d kill points tried, each %d", v.name, len(points), w.every)
	for _, point := range points {
		w.t.Log(point)
	}
}

// works checks that the bottle can be listed, and keeps what it should.
func (w *killWorld) works(v verb, before []string) {
	w.t.Helper()
	w.bottle("ls")
	if _, err := os.Stat(w.record()); err != nil && v.ends {
		return
	}
	w.bottle("log", w.slug)
	if output, err := w.run("doctor", w.slug); err != nil && strings.Contains(output, "panic") || output == "" && err != nil {
		w.t.Fatalf("%s: doctor: %v\n%s", w.where, err, output)
	}
	if !v.ends { // the record of a bottle goes last, so that rm can be called again
		w.keeps(v, before)
	}
}

// keeps checks that every snapshot of before is recorded, and that each that
// is recorded is on the engine.
func (w *killWorld) keeps(v verb, before []string) {
	w.t.Helper()
	now := w.snapshots()
	for _, snap := range now {
		if strings.HasSuffix(snap, " gone") {
			w.t.Fatalf("%s: recorded, and not on the engine: %s", w.where, snap)
		}
	}
	for _, snap := range before {
		if !slices.Contains(now, snap) && !v.removes {
			w.t.Fatalf("%s: %s is lost; there are %q", w.where, snap, now)
		}
	}
	if len(now) == 0 {
		w.t.Fatalf("%s: no snapshot is left", w.where)
	}
}

// repeat does what was killed once more. A bottle that rm has removed is no
// longer known, and nothing of it may be left.
func (w *killWorld) repeat(v verb, args []string) {
	w.t.Helper()
	output, err := w.run(args...)
	if v.ends {
		if err != nil && !strings.Contains(output, "no bottle "+w.slug) {
			w.t.Fatalf("%s: repeating it: %v\n%s", w.where, err, output)
		}
		if left := w.leftovers(); left != "" {
			w.t.Fatalf("%s: repeating it leaves %s", w.where, left)
		}
		return
	}
	if err != nil {
		w.t.Fatalf("%s: repeating it: %v\n%s", w.where, err, output)
	}
}

// boots boots the oldest snapshot, the newest and some between. An artifact
// that is there under its digest is the one that it was, so not each is tried.
func (w *killWorld) boots(v verb) {
	if v.ends {
		return
	}
	snaps := w.snapshots()
	for i, snap := range snaps {
		if i > 1 && i < len(snaps)-1 && i != len(snaps)/2 {
			continue
		}
		_, number, _ := strings.Cut(strings.Fields(snap)[0], "@")
		lose(w)
		w.bottle("resume", "-d", "--at", number, w.slug)
		if out := w.bottle("exec", w.slug, "cat", "/witness"); !strings.Contains(out, "witness") {
			w.t.Errorf("%s boots without what was in it: %s", snap, out)
		}
	}
}

// The steps between two kills.

func words(words ...string) func(*killWorld) []string {
	return func(w *killWorld) []string {
		var args []string
		for _, word := range words {
			args = append(args, w.expand(word))
		}
		return args
	}
}

func change(w *killWorld) {
	w.changes++
	if w.stops {
		w.bottle("resume", "-d", w.slug)
	}
	w.bottle("exec", w.slug, "sh", "-c", fmt.Sprintf("echo %d >/change", w.changes))
}

func commit(w *killWorld) {
	change(w)
	w.bottle("commit", "-q", "-y", w.slug)
}

func lose(w *killWorld) {
	var args []string
	for _, word := range w.lose {
		args = append(args, w.expand(word))
	}
	cmd := exec.Command(w.look(args[0]), args[1:]...)
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "not found") && !strings.Contains(string(out), "No such") {
		w.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// turn leaves the bottle with something that no snapshot has, and another
// snapshot to go back to than the last time.
func turn(w *killWorld) {
	w.turn = 3 - w.turn
	change(w)
}

// deeper leaves the bottle on a head of several layers, which is to be flattened.
func deeper(w *killWorld) {
	lose(w)
	w.bottle("resume", "-d", w.slug)
	commit(w)
}

// anew starts the bottle if it is gone.
func anew(w *killWorld) {
	if _, err := os.Stat(w.record()); err == nil {
		return
	}
	w.start(w.slug)
	w.bottle("commit", "-q", "-y", w.slug)
}

// killWorld is a bottle, its engine and a place for their files.
type killWorld struct {
	killed
	t      *testing.T
	dir    string // short, for sockets
	slug   string
	env    []string
	plugin string
	// announce is a variable for what is to be killed: the tool tells of itself.
	announce string
	changes  int
	turn     int
	where    string

	mu sync.Mutex
	// What is run now is killed at a point; points are counted from 1.
	target, points int
	pid            int
	point          string // where it was killed
	looking        bool   // whether the last step was a look-up
	dead           chan struct{}
}

func newKillWorld(t *testing.T, e *engine, k killed) *killWorld {
	dir, err := os.MkdirTemp("", "bk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &killWorld{killed: k, t: t, dir: dir, slug: "k" + strings.ToLower(rand.Text()[:8]), turn: 1, env: os.Environ()}
	bin := w.mkdir("bin")
	w.plugin = filepath.Join(bin, "docker-bottle")
	for _, name := range []string{"docker-bottle", k.tool} {
		if name == "" {
			continue
		}
		if err := os.Symlink(k.program, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.setenv("HOME="+dir, "DOCKER_CONFIG="+w.mkdir("docker"), "GORACE=atexit_sleep_ms=10", "TMPDIR="+w.mkdir("tmp"))
	for _, name := range []string{"STATE", "DATA", "CONFIG", "CACHE"} {
		w.setenv("XDG_" + name + "_HOME=" + w.mkdir(strings.ToLower(name)))
	}
	if _, err := backendtest.WriteAgent(w.mkdir("agent"), e.busybox, "RUN echo witness >/witness\nCMD [\"sleep\", \"600\"]\n"); err != nil {
		t.Fatal(err)
	}
	if k.tool == "" {
		w.setenv("DOCKER_HOST=unix://" + w.serveEngine(e.host))
	} else {
		w.setenv(
			"DOCKER_HOST=unix:///nowhere/engine.sock",
			"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		w.announce = toolSocket + "=" + w.serveTool()
	}
	k.setup(t, w)
	return w
}

// setenv sets variables of the programs that are run. Each is there once: of
// two, a program takes the first or the last.
func (w *killWorld) setenv(vars ...string) {
	for _, v := range vars {
		name, _, _ := strings.Cut(v, "=")
		w.env = slices.DeleteFunc(w.env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		w.env = append(w.env, v)
	}
}

func (w *killWorld) mkdir(name string) string {
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

func (w *killWorld) expand(word string) string {
	return strings.NewReplacer("$B", w.slug, "$TURN", strconv.Itoa(w.turn)).Replace(word)
}

// look finds a program on the world's PATH.
func (w *killWorld) look(name string) string {
	for _, v := range w.env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			found, err := findInPath(path, name)
			if err != nil {
				w.t.Fatal(err)
			}
			return found
		}
	}
	return name
}

func (w *killWorld) record() string {
	return filepath.Join(bottlestate.New(filepath.Join(w.dir, "state", "docker-bottle")).Dir(bottlestate.Slug(w.slug)), "bottle.json")
}

func (w *killWorld) start(slug string) {
	w.bottle("start", "-d", "--backend", w.backend, "--name", slug, filepath.Join(w.dir, "agent"))
}

// run runs the plugin undisturbed.
func (w *killWorld) run(args ...string) (output string, err error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.plugin, args...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// bottle is run for what has to work.
func (w *killWorld) bottle(args ...string) string {
	w.t.Helper()
	out, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%s: %q: %v\n%s", w.where, args, err, out)
	}
	return out
}

// snapshots returns the bottle's snapshots, oldest first; one that the engine
// does not have ends with "gone".
func (w *killWorld) snapshots() []string {
	w.t.Helper()
	out := w.bottle("df", "-v", "--format", "{{.Snapshot}} {{.Reference}} {{if eq .Size \"gone\"}}gone{{end}}", w.slug)
	var snaps []string
	for line := range strings.Lines(out) {
		snaps = append(snaps, strings.TrimSpace(line))
	}
	slices.Reverse(snaps)
	return snaps
}

// notPaused checks that nobody is left paused.
func (w *killWorld) notPaused() {
	w.t.Helper()
	if w.tool != "" {
		return // nothing to pause with
	}
	out, err := exec.Command("docker", "inspect", "-f", "{{.State.Paused}}", "bottle-"+w.slug).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "false" {
		w.t.Fatalf("%s: paused: %s %v", w.where, out, err)
	}
}

// leftovers is what the engine still has of a bottle that was removed.
func (w *killWorld) leftovers() string {
	cmd := exec.Command("sh", "-ec", w.left, "sh", w.slug)
	cmd.Env, cmd.Dir = w.env, w.dir
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// temporary and identifier are names that are others each time.
var (
	temporary  = regexp.MustCompile(`(/\.tmp-[^/]*?)[0-9]{5,}$`)
	identifier = regexp.MustCompile(`[0-9a-f]{64}`)
)

type outcome struct {
	status syscall.WaitStatus
	text   string
}

// kill runs the plugin and kills it at a point. It returns the point, or ""
// if the plugin came to its end before.
func (w *killWorld) kill(at int, args []string) (point string, result outcome) {
	w.t.Helper()
	output, err := os.Create(filepath.Join(w.dir, "output"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer output.Close()
	w.mu.Lock()
	w.target, w.points, w.point, w.pid, w.looking, w.dead = at, 0, "", 0, false, make(chan struct{})
	w.mu.Unlock()
	p := traced{path: w.plugin, args: append([]string{"docker-bottle"}, args...), env: slices.Clone(w.env)}
	if w.announce != "" {
		p.env = append(p.env, w.announce)
	}
	p.begun = func(pid int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pid = pid
	}
	p.change = func(what, path string) {
		for _, dir := range []string{"state", "data"} {
			if rest, ok := strings.CutPrefix(path, filepath.Join(w.dir, dir)+"/"); ok {
				// What was renamed away is nobody's: one look at it half removed.
				discarded := what == "remove" && strings.Contains(rest, "/.removed-")
				w.step("before "+what+" "+temporary.ReplaceAllString(strings.ReplaceAll(rest, w.slug, "B"), "$1*"), discarded)
			}
		}
		if path == "" {
			w.step("before the end", false)
		}
	}
	result.status, err = p.run(output)
	w.mu.Lock()
	point = w.point
	w.target, w.pid = 0, 0
	close(w.dead)
	w.mu.Unlock()
	if err != nil {
		w.t.Fatalf("%q: %v", args, err)
	}
	text, err := os.ReadFile(output.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	result.text = string(text)
	return point, result
}

// step counts a point, and reports whether the plugin was killed there; then
// it is dead. A step that changes nothing for anybody, as a look-up, is a point
// only if the step before was none such.
func (w *killWorld) step(what string, looks bool) (killed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pid == 0 {
		return false // nobody is to be killed
	}
	skip := looks && w.looking
	w.looking = looks
	if skip || w.point != "" {
		return w.point != ""
	}
	if w.points++; w.points != w.target {
		return false
	}
	w.point = what
	_ = syscall.Kill(w.pid, syscall.SIGKILL)
	return true
}

// died waits for the end of the plugin that was killed.
func (w *killWorld) died() {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	<-dead
}

// serveEngine stands before the Docker engine, and returns its socket.
func (w *killWorld) serveEngine(host string) string {
	if host == "" {
		host = client.DefaultDockerHost
	}
	real, err := url.Parse(host)
	if err != nil {
		w.t.Fatal(err)
	}
	network, address := real.Scheme, real.Host
	if network == "unix" {
		address = real.Path
	}
	type change struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			what, ok := r.Request.Context().Value(change{}).(string)
			if ok && w.step("after "+what, false) {
				w.died()
				return http.ErrAbortHandler
			}
			return nil
		},
	}
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).EnableFullDuplex()
		looks := r.Method == http.MethodGet || r.Method == http.MethodHead
		what := r.Method + " " + identifier.ReplaceAllString(strings.ReplaceAll(r.URL.Path, w.slug, "B"), "ID")
		if w.step("before "+what, looks) {
			w.died()
			panic(http.ErrAbortHandler)
		}
		if !looks {
			// The engine is to end what it has begun, whoever hears of it.
			r = r.WithContext(context.WithValue(context.WithoutCancel(r.Context()), change{}, what))
		}
		proxy.ServeHTTP(rw, r)
	})
	socket := filepath.Join(w.dir, "e.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{
		Handler: handler,
		// The end of a client that was killed in the middle of a request is no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go srv.Serve(l)
	w.t.Cleanup(func() { srv.Close() })
	return socket
}

// serveTool hears of the calls of a tool, and returns its socket.
func (w *killWorld) serveTool() string {
	socket := filepath.Join(w.dir, "t.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.call(conn)
		}
	}()
	return socket
}

// call answers a call of the tool, or hangs up on one whose caller is dead.
func (w *killWorld) call(conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	phase, quoted, _ := strings.Cut(strings.TrimSpace(line), " ")
	args, err := strconv.Unquote(quoted)
	if err != nil {
		return
	}
	looks := w.looks(args)
	if phase == "after" && looks {
		fmt.Fprintln(conn, "go on")
		return
	}
	args, _, _ = strings.Cut(args, "\n")
	if w.step(fmt.Sprintf("%s %s %.60s", phase, w.tool, strings.ReplaceAll(args, w.slug, "B")), looks) {
		w.died()
		return
	}
	fmt.Fprintln(conn, "go on")
}
