package docker

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// What a build says goes to the log, its image is what it names last, and a
// failure in the stream is the build's: in the engine's own words, with the
// builder's status.
func TestReadBuild(t *testing.T) {
	traced := func(fields ...[]byte) string {
		return `{"id":"moby.buildkit.trace","aux":` + string(aux(t, fields...)) + `}`
	}
	for _, tt := range []struct {
		name, stream string
		id, log, err string
		code         int
	}{
		{name: "nothing"},
		{name: "classic", stream: `{"stream":"Step 1/1 : FROM scratch\n"}{"aux":{"ID":"sha256:one"}}
			{"stream":"Successfully built one\n"}`, id: "sha256:one", log: "Step 1/1 : FROM scratch\nSuccessfully built one\n"},
		{name: "BuildKit", stream: traced(step("a", "FROM scratch", started, completed)) + `{"id":"moby.image.id","aux":{"ID":"sha256:two"}}`,
			id: "sha256:two", log: "#1 FROM scratch\n#1 DONE\n"},
		{name: "aux without an id", stream: `{"aux":{"ID":"sha256:one"}}{"aux":{"Size":1}}{"aux":[1]}{"aux":null}`, id: "sha256:one"},
		{name: "what is not known", stream: `{"status":"Pulling","id":"layer","progressDetail":{"current":1}}{"later":true}`},
		{name: "fails", stream: `{"stream":"Step 1/1\n"}{"errorDetail":{"code":2,"message":"returned a non-zero code: 2"},"error":"returned a non-zero code: 2"}`,
			log: "Step 1/1\n", err: "returned a non-zero code: 2", code: 2},
		{name: "fails without a code", stream: `{"aux":{"ID":"sha256:one"}}{"errorDetail":{"message":"no space left"},"error":"no space left"}`,
			err: "no space left", code: 1},
		{name: "cut off in a message", stream: `{"aux":{"ID":"sha256:one"}}{"stream":"Step`, err: io.ErrUnexpectedEOF.Error()},
		{name: "not JSON", stream: `{"stream":"a"}<html>`, log: "a", err: "invalid character"},
		{name: "a trace that is none", stream: `{"id":"moby.buildkit.trace","aux":{"ID":"sha256:one"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			id, err := readBuild(strings.NewReader(tt.stream), &log)
			if id != tt.id || log.String() != tt.log {
				t.Errorf("got image %q and log %q, want %q and %q", id, log.String(), tt.id, tt.log)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			var exit *backends.ExitError
			if errors.As(err, &exit) != (tt.code != 0) || exit != nil && exit.Code != tt.code {
				t.Errorf("got %v with status %+v, want %d", err, exit, tt.code)
			}
		})
	}
}

// A connection that is lost between two messages is no end of the build, and
// neither is a log that cannot be written.
func TestReadBuildLost(t *testing.T) {
	good := `{"aux":{"ID":"sha256:one"}}`
	lost := io.MultiReader(strings.NewReader(good), broken{})
	if id, err := readBuild(lost, io.Discard); id != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v; want the connection's error", id, err)
	}
	if id, err := readBuild(strings.NewReader(good+`{"stream":"a"}`), broken{}); id != "" || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %q, %v; want the log's error", id, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }
func (broken) Write([]byte) (int, error) { return 0, fs.ErrClosed }

// builder is a program in the place of the user's builder: it runs script with
// the arguments that docker would get.
func builder(script string) *Backend {
	return New(nil, Engine{Command: []string{"/bin/sh", "-ec", script, "builder", "--context", "c"}})
}

// The user's own builder gets docker's flags, and the image is the one that it
// wrote down; what it says is in the log, also when it fails.
func TestBuildCommand(t *testing.T) {
	t.Setenv("DOCKER_BUILDKIT", "")
	src := backends.Source{Dir: "/src", Dockerfile: "/src/Dockerfile"}
	good := builder(`
		[ "$1 $2 $3 $4" = "--context c build --iidfile" ]
		[ "$6 $7 $8 $9" = "--tag web:base --file /src/Dockerfile" ]
		[ "${10} ${11}" = "--load /src" ] && [ $# = 11 ]
		[ "$BUILDX_NO_DEFAULT_ATTESTATIONS" = 1 ]
		echo out; echo err >&2
		echo sha256:one >"$5"`)
	var log strings.Builder
	id, err := good.buildCommand(t.Context(), "web:base", src, &log)
	if id != "sha256:one" || err != nil || log.String() != "out\nerr\n" {
		t.Errorf("got %q, %v and the log %q", id, err, log.String())
	}

	t.Setenv("DOCKER_BUILDKIT", "0")
	classic := builder(`[ "${10}" = /src ] && [ $# = 10 ] && echo sha256:one >"$5"`)
	if id, err := classic.buildCommand(t.Context(), "web:base", src, io.Discard); id != "sha256:one" || err != nil {
		t.Errorf("the classic builder: got %q, %v", id, err)
	}

	log.Reset()
	bad := builder(`echo sha256:one >"$5"; echo no space left >&2; exit 17`)
	id, err = bad.buildCommand(t.Context(), "web:base", src, &log)
	var exit *backends.ExitError
	if id != "" || !errors.As(err, &exit) || exit.Code != 17 || log.String() != "no space left\n" {
		t.Errorf("got %q, %v and the log %q; want status 17", id, err, log.String())
	}

	missing := New(nil, Engine{Command: []string{filepath.Join(t.TempDir(), "docker")}})
	if id, err := missing.buildCommand(t.Context(), "web:base", src, io.Discard); id != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %q, %v; want fs.ErrNotExist", id, err)
	}
}

// Promise 7: an interrupt ends the user's builder, and is what is reported.
func TestBuildCommandInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	// The builder says that it is there, and then it is interrupted.
	log := writerFunc(func(data []byte) (int, error) { cancel(); return len(data), nil })
	tool := builder(`trap 'exit 1' INT; echo ready; while :; do sleep 0.01; done`)
	id, err := tool.buildCommand(ctx, "web:base", backends.Source{}, log)
	if id != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v; want context.Canceled", id, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

// A Dockerfile that is not in its context cannot be sent to the engine.
func TestBuildAPIOutside(t *testing.T) {
	dir := t.TempDir()
	src := backends.Source{Dir: filepath.Join(dir, "context"), Dockerfile: filepath.Join(dir, "Dockerfile")}
	_, err := (&Backend{}).Build(t.Context(), bottlestate.Bottle{Slug: "web"}, src, io.Discard)
	if err == nil || !strings.Contains(err.Error(), src.Dockerfile) || !strings.Contains(err.Error(), "outside of the build context "+src.Dir) {
		t.Errorf("got %v", err)
	}
}
