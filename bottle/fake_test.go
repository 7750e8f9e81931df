package bottle_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// engine is a backend in memory. It keeps to the contract in package backends
// and refuses what that forbids: to create a bottle that exists, to boot from
// what is not there, to run a program in a bottle that is not up.
type engine struct {
	backends.Surveyor // see [surveyed]; others do not survey

	address    string
	containers map[bottlestate.Slug]*container
	images     map[string]string // reference or ID to what is in it
	now        time.Time         // when the next artifact is made

	fail map[string]error         // by the method's name
	exec func(c *container) error // the program that Exec runs

	calls []string // those that change something
}

type container struct {
	running bool
	image   string // what it was made from
	files   string // stands for the file system
	changed bool   // since it was last frozen or booted
	session bool   // its agent has one, that goes on
	ended   bool   // its agent has
}

var _ backends.Backend = &engine{}

func newEngine() *engine {
	return &engine{
		address:    "unix:///engine",
		containers: map[bottlestate.Slug]*container{},
		images:     map[string]string{},
		fail:       map[string]error{},
		now:        time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

// call notes a change, and fails if the test wants it to.
func (e *engine) call(ctx context.Context, method, detail string) error {
	e.calls = append(e.calls, strings.TrimSpace(method+" "+detail))
	return errors.Join(e.fail[method], ctx.Err())
}

func (e *engine) existing(b bottlestate.Bottle) (*container, error) {
	c, ok := e.containers[b.Slug]
	if !ok {
		return nil, fmt.Errorf("no such container: %s: %w", b.Slug, backends.ErrNotFound)
	}
	return c, nil
}

func (e *engine) up(b bottlestate.Bottle) (*container, error) {
	c, err := e.existing(b)
	if err == nil && !c.running {
		err = fmt.Errorf("container %s is not running", b.Slug)
	}
	return c, err
}

func (e *engine) Name() string               { return "test" }
func (e *engine) Endpoint() (string, string) { return "default", e.address }
func (e *engine) Mounts(context.Context, bottlestate.Bottle) ([]bottlestate.Mount, error) {
	return nil, errors.ErrUnsupported
}
func (e *engine) Version(context.Context) (string, error) { return "1", nil }

func (e *engine) Build(ctx context.Context, b bottlestate.Bottle, src backends.Source, log io.Writer) (backends.Image, error) {
	if err := e.call(ctx, "Build", b.Image+src.Dockerfile); err != nil {
		return backends.Image{}, err
	}
	if b.Image != "" {
		if _, ok := e.images[b.Image]; !ok {
			return backends.Image{}, fmt.Errorf("image %s is not on the engine", b.Image)
		}
		return backends.Image{ID: b.Image, Command: []string{"agent"}}, nil
	}
	fmt.Fprintln(log, "built")
	e.images["built"] = "fresh"
	return backends.Image{ID: "built", Command: []string{"agent"}}, nil
}

func (e *engine) Create(ctx context.Context, b bottlestate.Bottle, image string) error {
	if err := e.call(ctx, "Create", image); err != nil {
		return err
	}
	if _, ok := e.containers[b.Slug]; ok {
		return fmt.Errorf("container %s exists", b.Slug)
	}
	files, ok := e.images[image]
	if !ok {
		return fmt.Errorf("no such image: %s", image)
	}
	e.containers[b.Slug] = &container{files: files, image: image}
	return nil
}

func (e *engine) CopyWorkspace(ctx context.Context, b bottlestate.Bottle, tree io.Reader) error {
	if err := e.call(ctx, "CopyWorkspace", ""); err != nil {
		return err
	}
	c, err := e.existing(b)
	if err != nil {
		return err
	}
	r := tar.NewReader(tree)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		c.files += "+" + h.Name
	}
}

func (e *engine) Start(ctx context.Context, b bottlestate.Bottle) error {
	if err := e.call(ctx, "Start", ""); err != nil {
		return err
	}
	c, err := e.existing(b)
	if err == nil {
		c.running = true
	}
	return err
}

func (e *engine) Stop(ctx context.Context, b bottlestate.Bottle) error {
	if err := e.call(ctx, "Stop", ""); err != nil {
		return err
	}
	if c, ok := e.containers[b.Slug]; ok {
		c.running = false
	}
	return nil
}

func (e *engine) Remove(ctx context.Context, b bottlestate.Bottle, volumes bool) error {
	detail := ""
	if volumes {
		detail = "volumes"
	}
	if err := e.call(ctx, "Remove", detail); err != nil {
		return err
	}
	delete(e.containers, b.Slug)
	return nil
}

func (e *engine) State(_ context.Context, b bottlestate.Bottle) (backends.State, error) {
	c, ok := e.containers[b.Slug]
	switch {
	case e.fail["State"] != nil:
		return "", e.fail["State"]
	case !ok:
		return backends.Gone, nil
	case c.running:
		return backends.Running, nil
	}
	return backends.Stopped, nil
}

func (e *engine) States(context.Context) (map[bottlestate.Slug]backends.Condition, error) {
	return nil, errors.ErrUnsupported
}

func (e *engine) ChangedSince(_ context.Context, b bottlestate.Bottle, snap bottlestate.Snapshot) (bool, error) {
	c, err := e.existing(b)
	if err != nil {
		return false, err
	}
	return c.running || c.changed || e.now.Before(snap.Created), e.fail["ChangedSince"]
}

func (e *engine) Exec(ctx context.Context, b bottlestate.Bottle, p backends.Process, _ backends.Stdio) error {
	if err := e.call(ctx, "Exec", strings.Join(append(plain(p.Args), p.Env...), " ")); err != nil {
		return err
	}
	c, err := e.up(b)
	if err == nil && asks(p.Args) && !c.session {
		if c.ended {
			return &backends.ExitError{Code: 2}
		}
		return &backends.ExitError{Code: 1}
	}
	if err != nil || e.exec == nil || asks(p.Args) {
		return err
	}
	return e.exec(c)
}

// plain leaves of the arguments that run the agent's script: what it is to do,
// what is to be said and continued, and the agent's own.
func plain(args []string) []string {
	if len(args) < 10 || args[3] != "bottle-agent" {
		return args
	}
	return append([]string{args[4] + ":" + strings.Join(args[8:10], "|")}, args[10:]...)
}

func asks(args []string) bool { return strings.HasPrefix(plain(args)[0], "ask:") }

func (e *engine) Spawn(ctx context.Context, b bottlestate.Bottle, p backends.Process) (string, error) {
	if err := e.call(ctx, "Spawn", strings.Join(plain(p.Args), " ")); err != nil {
		return "", err
	}
	_, err := e.up(b)
	return "run-1", err
}

func (e *engine) Wait(_ context.Context, _ bottlestate.Bottle, run string) (int, error) {
	if run != "run-1" {
		return 0, fmt.Errorf("no such run: %s", run)
	}
	var exit *backends.ExitError
	if errors.As(e.fail["Wait"], &exit) {
		return exit.Code, nil
	}
	return 0, e.fail["Wait"]
}

func (e *engine) Logs(context.Context, bottlestate.Bottle, bool, io.Writer, io.Writer) error {
	return errors.ErrUnsupported
}

func (e *engine) Freeze(ctx context.Context, b bottlestate.Bottle, opts backends.FreezeOptions) (backends.Artifact, error) {
	ref := fmt.Sprintf("test/%s:%d", b.Slug, opts.Number)
	if err := e.call(ctx, "Freeze", ref); err != nil {
		return backends.Artifact{}, err
	}
	c, err := e.existing(b)
	if err != nil {
		return backends.Artifact{}, err
	}
	if _, ok := e.images[ref]; ok {
		return backends.Artifact{}, fmt.Errorf("image %s exists", ref)
	}
	e.images[ref] = c.files
	c.changed = false
	return backends.Artifact{Reference: ref, Created: e.now}, nil
}

func (e *engine) ArtifactExists(_ context.Context, snap bottlestate.Snapshot) (bool, error) {
	_, ok := e.images[snap.Reference]
	return ok, e.fail["ArtifactExists"]
}

func (e *engine) RemoveArtifact(ctx context.Context, snap bottlestate.Snapshot) error {
	err := e.call(ctx, "RemoveArtifact", snap.Reference)
	if err == nil {
		delete(e.images, snap.Reference)
	}
	return err
}

func (e *engine) RemoveCaches(ctx context.Context, _ bottlestate.Bottle) error {
	return e.call(ctx, "RemoveCaches", "")
}

// Usage: what is in a container or an image is a part, as are strangers' uses.
func (e *engine) Usage(_ context.Context, snaps []bottlestate.Snapshot) (backends.Usage, error) {
	u := backends.Usage{Parts: map[string]int64{}}
	hold := func(h backends.Holder, files string) {
		for part := range strings.SplitSeq(files, "+") {
			u.Parts[part] = int64(len(part))
			h.Parts = append(h.Parts, part)
		}
		u.Holders = append(u.Holders, h)
	}
	for ref, files := range e.images {
		var h backends.Holder
		if slices.ContainsFunc(snaps, func(snap bottlestate.Snapshot) bool { return snap.Reference == ref }) {
			h.Snapshot = ref
		}
		hold(h, files)
	}
	for slug, c := range e.containers {
		hold(backends.Holder{Bottle: slug, Uses: c.image}, c.files)
	}
	return u, e.fail["Usage"]
}

// world is an engine, a store, and what a person would have heard.
type world struct {
	*engine
	store bottlestate.Store
	heard []string
	log   strings.Builder
}

var web = bottlestate.Bottle{
	Slug:         "web",
	Backend:      "test",
	Context:      "default",
	Endpoint:     "unix:///engine",
	BuildContext: "/agent",
	Dockerfile:   "/agent/Dockerfile",
}

func newWorld(t *testing.T) *world {
	return &world{engine: newEngine(), store: bottlestate.New(t.TempDir())}
}

func (w *world) notify(format string, args ...any) {
	w.heard = append(w.heard, fmt.Sprintf(format, args...))
}

func open(b bottlestate.Bottle) (backends.Source, func(), error) {
	return backends.Source{Dir: b.BuildContext, Dockerfile: b.Dockerfile}, func() {}, nil
}

// start makes the bottle, and forgets what it took.
func (w *world) start(t *testing.T, b bottlestate.Bottle) bottlestate.Bottle {
	t.Helper()
	b, err := bottle.Start(t.Context(), w, w.store, b, open, &w.log, w.notify)
	if err != nil {
		t.Fatal(err)
	}
	w.forget()
	return b
}

// commit writes files into the bottle and commits it.
func (w *world) commit(t *testing.T, files string) bottlestate.Snapshot {
	t.Helper()
	w.containers["web"].files = files
	snap, err := bottle.Commit(t.Context(), w, w.store, "web", bottle.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.forget()
	return snap
}

func (w *world) setHead(number int) {
	if err := w.store.SetHead("web", number); err != nil {
		panic(err)
	}
}

func (w *world) forget() { w.calls, w.heard = nil, nil }

func (w *world) resume(t *testing.T, opts bottle.ResumeOptions) (bottlestate.Bottle, bottle.Rung, error) {
	if opts.Open == nil {
		opts.Open = open
	}
	opts.Log, opts.Notify = &w.log, w.notify
	opts.Saved = func(snap bottlestate.Snapshot) { w.notify("saved the present as web@%d", snap.Number) }
	return bottle.Resume(t.Context(), w, w.store, "web", opts)
}

func (w *world) assertCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(w.calls, want) {
		t.Errorf("the engine was asked to %q, want %q", w.calls, want)
	}
}

func (w *world) assertHeard(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(w.heard, want) {
		t.Errorf("notified %q, want %q", w.heard, want)
	}
}

// assertFiles checks what is in the bottle, and that it is up or down.
func (w *world) assertFiles(t *testing.T, files string, running bool) {
	t.Helper()
	c, ok := w.containers["web"]
	if !ok {
		t.Error("the bottle is gone")
	} else if c.files != files || c.running != running {
		t.Errorf("the bottle holds %q, running: %v; want %q, %v", c.files, c.running, files, running)
	}
}

func (w *world) assertGone(t *testing.T) {
	t.Helper()
	if len(w.containers) > 0 {
		t.Errorf("the engine still has %v", slices.Collect(maps.Keys(w.containers)))
	}
}

// assertHead checks the number of the head; 0 is none.
func (w *world) assertHead(t *testing.T, want int) {
	t.Helper()
	head, err := w.store.Head("web")
	if head.Number != want || (want == 0) != errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("head: %d, %v; want %d", head.Number, err, want)
	}
}
