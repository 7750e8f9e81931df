// Package backendtest says what every backend must do, as tests that run
// against the engine itself.
package backendtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Run runs all tests. What they make on the engine has names of their own, and
// is removed. Busybox is a static one, for the engine's architecture.
func Run(t *testing.T, be backends.Backend, busybox string) {
	s := &suite{be: be, busybox: busybox, word: "ct" + strings.ToLower(rand.Text()[:8])}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"Identity", testIdentity},
		{"Build", testBuild},
		{"BuildFails", testBuildFails},
		{"ImageUnknown", testImageUnknown},
		{"Lifecycle", testLifecycle},
		{"CreateTaken", testCreateTaken},
		{"CreateFails", testCreateFails},
		{"Exec", testExec},
		{"ExecUser", testExecUser},
		{"ExecNotRunning", testExecNotRunning},
		{"ExecInterrupted", testExecInterrupted},
		{"Spawn", testSpawn},
		{"SpawnStopped", testSpawnStopped},
		{"Workspace", testWorkspace},
		{"Mounts", testMounts},
		{"FreezeBoot", testFreezeBoot},
		{"FreezeTree", testFreezeTree},
		{"FreezeStopped", testFreezeStopped},
		{"FreezeTwice", testFreezeTwice},
		{"Fork", testFork},
		{"Compact", testCompact},
		{"CompactInterrupted", testCompactInterrupted},
		{"FreezeGone", testFreezeGone},
		{"FreezeInterrupted", testFreezeInterrupted},
		{"FreezeRefused", testFreezeRefused},
		{"Artifacts", testArtifacts},
		{"Survey", testSurvey},
		{"SurveyGone", testSurveyGone},
		{"Usage", testUsage},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// Real skips a test of the real tool of that name where it is not installed.
// With $BOTTLE_TEST_REAL set the test fails: it was asked for.
func Real(t *testing.T, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	switch {
	case err != nil && os.Getenv("BOTTLE_TEST_REAL") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
}

type suite struct {
	be      backends.Backend
	busybox string
	word    string
	made    int
}

// bottle returns the record of a bottle that does not exist yet, and removes
// at the end of the test what has become of it.
func (s *suite) bottle(t *testing.T) bottlestate.Bottle {
	t.Helper()
	s.made++
	slug, err := bottlestate.ParseSlug(s.word + "-" + strings.Repeat("x", s.made))
	if err != nil {
		t.Fatal(err)
	}
	b := bottlestate.Bottle{Version: bottlestate.Version, Slug: slug, Backend: s.be.Name(), Created: time.Now()}
	b.Context, b.Endpoint = s.be.Endpoint()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(s.be.Remove(ctx, b, true), s.be.RemoveCaches(ctx, b)); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return b
}

// build gives the bottle an image with the given lines at the end of its
// Dockerfile.
func (s *suite) build(t *testing.T, b *bottlestate.Bottle, lines string) backends.Image {
	t.Helper()
	src, err := WriteAgent(t.TempDir(), s.busybox, lines)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	image, err := s.be.Build(t.Context(), *b, src, &log)
	if err != nil {
		t.Fatalf("build: %v\n%s", err, log.String())
	}
	b.Entrypoint, b.Command = image.Entrypoint, image.Command
	return image
}

// running returns a bottle that is up.
func (s *suite) running(t *testing.T) bottlestate.Bottle {
	t.Helper()
	b := s.bottle(t)
	image := s.build(t, &b, agentEnd)
	s.boot(t, b, image.ID)
	return b
}

func (s *suite) boot(t *testing.T, b bottlestate.Bottle, image string) {
	t.Helper()
	if err := s.be.Create(t.Context(), b, image); err != nil {
		t.Fatalf("create: %v", err)
	}
	if err := s.be.Start(t.Context(), b); err != nil {
		t.Fatalf("start: %v", err)
	}
}

// freeze makes a snapshot, which is removed at the end of the test.
func (s *suite) freeze(t *testing.T, b bottlestate.Bottle, number int) bottlestate.Snapshot {
	t.Helper()
	art, err := s.be.Freeze(t.Context(), b, freezeOptions(number))
	if err != nil {
		t.Fatalf("freeze %d: %v", number, err)
	}
	snap := record(b, number, art)
	s.removeLater(t, b, snap)
	return snap
}

func (s *suite) removeLater(t *testing.T, b bottlestate.Bottle, snap bottlestate.Snapshot) {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		// The bottle first: it may have been booted from the snapshot.
		if err := errors.Join(s.be.Remove(ctx, b, true), s.be.RemoveArtifact(ctx, snap)); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
}

func freezeOptions(number int) backends.FreezeOptions {
	return backends.FreezeOptions{
		Number:  number,
		Parent:  number - 1,
		Message: "a message = with 'quotes', $signs\nand lines",
		Confirm: func(context.Context, string) (bool, error) { return true, nil },
	}
}

func record(b bottlestate.Bottle, number int, art backends.Artifact) bottlestate.Snapshot {
	return bottlestate.Snapshot{
		Number: number, Backend: b.Backend, Reference: art.Reference, Digest: art.Digest, Created: art.Created,
		Size: art.Size, NotCaptured: art.NotCaptured, Stopped: art.Stopped,
	}
}

// sh runs a script in the bottle and returns what it printed.
func (s *suite) sh(t *testing.T, b bottlestate.Bottle, script string) string {
	t.Helper()
	return s.run(t, b, backends.Process{Args: []string{"sh", "-ec", script}})
}

func (s *suite) run(t *testing.T, b bottlestate.Bottle, p backends.Process) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if err := s.be.Exec(t.Context(), b, p, backends.Stdio{Out: &out, Err: &errOut}); err != nil {
		t.Fatalf("exec %q: %v\n%s", p.Args, err, errOut.String())
	}
	return out.String()
}

func (s *suite) state(t *testing.T, b bottlestate.Bottle, want backends.State) {
	t.Helper()
	got, err := s.be.State(t.Context(), b)
	if err != nil {
		t.Fatalf("state: %v", err)
	}
	if got != want {
		t.Errorf("the bottle is %s, want %s", got, want)
	}
	all, err := s.be.States(t.Context())
	if err != nil {
		t.Fatalf("states: %v", err)
	}
	if got, ok := all[b.Slug]; ok != (want != backends.Gone) || ok && got.State != want {
		t.Errorf("the bottle is %q among all, want %s", got.State, want)
	} else if now := time.Now(); got.Since.After(now) || !got.Since.IsZero() && now.Sub(got.Since) > time.Hour {
		t.Errorf("the bottle is %s since %s, it is %s", want, got.Since, now)
	}
}

func (s *suite) exists(t *testing.T, snap bottlestate.Snapshot, want bool) {
	t.Helper()
	got, err := s.be.ArtifactExists(t.Context(), snap)
	if err != nil || got != want {
		t.Errorf("%s exists: %v, %v; want %v", snap.Reference, got, err, want)
	}
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

func exitCode(err error) int {
	var exit *backends.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	return -1
}

var discard = backends.Stdio{Out: io.Discard, Err: io.Discard}
