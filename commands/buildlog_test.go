package commands

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/streams"

	"github.com/docker-bottle/docker-bottle/backends"
)

// In a pipe a build that takes long is said once; its log is shown if it fails, and its
// last line is what is told meanwhile.
func TestBuildLog(t *testing.T) {
	for _, tt := range []struct {
		name        string
		quiet, long bool
		err         error
		want        string
	}{
		{"built", false, false, nil, ""},
		{"built for long", false, true, nil, "building ./mine\n"},
		{"failed", false, true, fmt.Errorf("building: %w", &backends.ExitError{Code: 7}), "building ./mine\n#1 one\n#2 two\n"},
		{"interrupted", false, false, io.ErrUnexpectedEOF, ""},
		{"quiet", true, true, nil, ""},
		{"quiet, failed", true, true, &backends.ExitError{Code: 7}, "#1 one\n#2 two\n"},
	} {
		var errOut bytes.Buffer
		dockerCLI, err := command.NewDockerCli(command.WithErrorStream(&errOut), command.WithOutputStream(streams.NewOut(io.Discard)))
		if err != nil {
			t.Fatal(err)
		}
		piped(t)
		p := &Program{CLI: dockerCLI, quiet: tt.quiet}
		_, line := p.progress(t.Context(), "starting web")
		log := newBuildLog(p, line, "./mine")
		if tt.long {
			log.long = 0
		}
		fmt.Fprintln(log, "#1 one")
		fmt.Fprintln(log, "#2 two")
		if now := line.now.Load(); now == nil || now.Step != "#2 two" {
			t.Errorf("%s: what is told is %+v", tt.name, now)
		}
		if log.Terminal() != nil {
			t.Errorf("%s: a pipe is no terminal", tt.name)
		}
		if tt.long {
			time.Sleep(100 * time.Millisecond)
		}
		if err := log.Close(tt.err); err != tt.err {
			t.Errorf("%s: %v has become %v", tt.name, tt.err, err)
		}
		if got := errOut.String(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
