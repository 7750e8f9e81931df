package commands

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/streams"

	"github.com/docker-bottle/docker-bottle/backends"
)

// In a pipe a build says that it begins; its log is shown if it fails, and its
// last line is what is told meanwhile.
func TestBuildLog(t *testing.T) {
	for _, tt := range []struct {
		name  string
		quiet bool
		err   error
		want  string
	}{
		{"built", false, nil, "building ./mine\n"},
		{"failed", false, fmt.Errorf("building: %w", &backends.ExitError{Code: 7}), "building ./mine\n#1 one\n#2 two\n"},
		{"interrupted", false, io.ErrUnexpectedEOF, "building ./mine\n"},
		{"quiet", true, nil, ""},
		{"quiet, failed", true, &backends.ExitError{Code: 7}, "#1 one\n#2 two\n"},
	} {
		var errOut bytes.Buffer
		dockerCLI, err := command.NewDockerCli(command.WithErrorStream(&errOut), command.WithOutputStream(streams.NewOut(io.Discard)))
		if err != nil {
			t.Fatal(err)
		}
		piped(t)
		p := &Program{CLI: dockerCLI, quiet: tt.quiet}
		_, line := p.progress(t.Context(), "starting web")
		log := &buildLog{p: p, line: line, what: "./mine"}
		fmt.Fprintln(log, "#1 one")
		fmt.Fprintln(log, "#2 two")
		if now := line.now.Load(); now == nil || now.Step != "#2 two" {
			t.Errorf("%s: what is told is %+v", tt.name, now)
		}
		if log.Terminal() != nil {
			t.Errorf("%s: a pipe is no terminal", tt.name)
		}
		if err := log.Close(tt.err); err != tt.err {
			t.Errorf("%s: %v has become %v", tt.name, tt.err, err)
		}
		if got := errOut.String(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
