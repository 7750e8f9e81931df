package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptedEngine stands before the real engine and does, on request, what a
// real one will not: a commit that fails, hangs, or loses its answer.
type scriptedEngine struct {
	commit atomic.Value // string: the mode
	dir    string       // of the bottle's records, for "then"
	proxy  *httputil.ReverseProxy
}

// scripted MODE says what becomes of the next commits: pass, drop (done, but
// the answer is lost), hang, a status to answer with, or "then COMMAND" (done,
// and before the answer COMMAND is run where the bottle's records are); or
// "refuse IMAGE": its removal is. The first call puts the script's DOCKER_HOST
// before the engine.
func scripted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: scripted pass|drop|hang|STATUS|then COMMAND|refuse IMAGE")
	}
	e, ok := ts.Value(scriptedKey{}).(*scriptedEngine)
	if !ok {
		ts.Fatalf("no engine")
	}
	if e.proxy == nil {
		ts.Check(e.listen(ts))
	}
	e.dir = filepath.Join(ts.Getenv("STATE"), ts.Getenv("B"))
	e.commit.Store(args[0])
}

type scriptedKey struct{}

func (e *scriptedEngine) listen(ts *testscript.TestScript) error {
	host := ts.Getenv("DOCKER_HOST")
	if host == "" {
		host = client.DefaultDockerHost
	}
	real, err := url.Parse(host)
	if err != nil {
		return err
	}
	network, address := real.Scheme, real.Host
	if network == "unix" {
		address = real.Path
	}
	e.proxy = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}},
	}
	// Not under $WORK: the path of a socket has to be short.
	dir, err := os.MkdirTemp("", "bt")
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "e.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: e}
	go srv.Serve(l)
	ts.Defer(func() { srv.Close(); os.RemoveAll(dir) })
	ts.Setenv("DOCKER_HOST", "unix://"+socket)
	return nil
}

func (e *scriptedEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A builder answers while it still reads what it is sent.
	_ = http.NewResponseController(w).EnableFullDuplex()
	mode, _ := e.commit.Load().(string)
	image, refuse := strings.CutPrefix(mode, "refuse ")
	switch {
	case refuse && r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/images/"+image):
		mode = "409"
	case r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/commit"):
		mode = "pass"
	}
	switch mode {
	case "pass":
		e.proxy.ServeHTTP(w, r)
	case "hang":
		// Only a request whose body was read notices that its client left.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case "drop":
		e.proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		if command, ok := strings.CutPrefix(mode, "then "); ok {
			e.proxy.ServeHTTP(&before{w, func() { e.run(command) }}, r)
			return
		}
		status, err := strconv.Atoi(mode)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"the engine says %d"}`, status)
	}
}

// before is a ResponseWriter that does something before it answers.
type before struct {
	http.ResponseWriter
	do func()
}

func (b *before) WriteHeader(status int) {
	b.do()
	b.ResponseWriter.WriteHeader(status)
}

func (e *scriptedEngine) run(command string) {
	cmd := exec.Command("sh", "-ec", command)
	cmd.Dir = e.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%s: %v\n%s", command, err, out))
	}
}
