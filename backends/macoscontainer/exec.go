package macoscontainer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/term"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// launch gives a program its variables, which come under other names, and
// becomes it. The tool adds variables to those of the image without looking
// whether they are there, and then the image's win.
const launch = `while [ "$1" != -- ]; do
  eval "export $1=\"\$BOTTLE_ENV_$1\"; unset BOTTLE_ENV_$1"; shift
done
shift; exec "$@"`

// markEnv is how the programs of one exec are found again.
const markEnv = "BOTTLE_EXEC"

var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readOnly are variables that bash, where that is the image's sh, lets nobody
// set, and ends.
var readOnly = []string{"UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS"}

// checkEnv refuses a variable that the shell of launch would drop.
func checkEnv(env []string) error {
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if !shellName.MatchString(name) {
			return fmt.Errorf("variable %s: only letters, digits and _ can be in a name here", name)
		}
		if slices.Contains(readOnly, name) {
			return fmt.Errorf("variable %s: a shell may not let it be set; give it another name", name)
		}
	}
	return nil
}

// execCommand is the tool's command for a program. Values of variables are not
// among its arguments, which everybody on the host can see: the tool takes
// them from its own environment.
func (b *Backend) execCommand(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, mark string, options ...string) *exec.Cmd {
	cmd := command(ctx)
	args := append([]string{"exec"}, options...)
	if p.User != "" {
		args = append(args, "--user", p.User)
	}
	if p.Dir != "" {
		args = append(args, "--workdir", p.Dir)
	}
	args = append(args, "--env", markEnv)
	cmd.Env = append(cmd.Env, markEnv+"="+mark)
	values, names := map[string]string{}, []string{}
	for _, v := range p.Env {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value // the last one wins, as in docker
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		names = append(names, name)
		args = append(args, "--env", "BOTTLE_ENV_"+name)
		cmd.Env = append(cmd.Env, "BOTTLE_ENV_"+name+"="+values[name])
	}
	args = append(args, backends.Name(bottle.Slug), "/bin/sh", "-c", launch, "sh")
	args = append(args, names...)
	args = append(args, "--")
	cmd.Args = append(cmd.Args, append(args, p.Args...)...)
	return cmd
}

// Exec runs a program with the streams of stdio. When ctx ends, so does the
// program: the tool passes no signal on, and would leave it behind.
func (b *Backend) Exec(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	if _, err := b.reach(); err != nil {
		return err
	}
	if err := errors.Join(ctx.Err(), checkEnv(p.Env)); err != nil {
		return err
	}
	var options []string
	if stdio.In != nil {
		options = append(options, "--interactive")
	}
	if stdio.TTY {
		options = append(options, "--tty")
		if kind := os.Getenv("TERM"); kind != "" {
			p.Env = append([]string{"TERM=" + kind}, p.Env...)
		}
	}
	mark := strings.ToLower(rand.Text())
	// Not ended with ctx: a tool that is killed leaves the program behind.
	toolCtx, killTool := context.WithCancel(context.WithoutCancel(ctx))
	defer killTool()
	cmd := b.execCommand(toolCtx, bottle, p, mark, options...)
	var errOut tail
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio.In, stdio.Out, stdio.Err
	if _, isTerminal := term.GetFdInfo(stdio.In); isTerminal {
		cmd.SysProcAttr = nil // a program that reads the terminal has to be in its group
		defer keepTerminal(stdio)()
	}
	if !stdio.TTY && stdio.Err != nil {
		cmd.Stderr = io.MultiWriter(stdio.Err, &errOut)
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ended <- b.end(context.WithoutCancel(ctx), bottle, mark)
		killTool()
	})
	err := cmd.Run()
	if !stop() {
		return errors.Join(ctx.Err(), <-ended)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if text := errOut.String(); exit.ExitCode() == 1 && failedItself.MatchString(text) {
		return &toolError{[]string{"exec"}, text, err}
	}
	return &backends.ExitError{Code: exit.ExitCode()}
}

// failedItself finds the words with which the tool fails before there is a
// program; its status is 1, which can be a program's too.
var failedItself = regexp.MustCompile(`(?m)^Error: (get failed: container bottle-|.*XPC (timeout for request|connection error))`)

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	const limit = 4096
	t.data = append(t.data, p...)
	if len(t.data) > limit {
		t.data = append(t.data[:0], t.data[len(t.data)-limit:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.data) }

// keepTerminal returns the function that puts the terminal back into the state
// it is in now. The tool restores its mode if it ends well, and leaves it
// non-blocking.
func keepTerminal(stdio backends.Stdio) (restore func()) {
	fd, isTerminal := term.GetFdInfo(stdio.In)
	if !isTerminal {
		return func() {}
	}
	state, err := term.SaveState(fd)
	return func() {
		if err == nil {
			_ = term.RestoreTerminal(fd, state)
		}
		for _, stream := range []any{stdio.In, stdio.Out, stdio.Err} {
			if fd, isTerminal := term.GetFdInfo(stream); isTerminal {
				setBlocking(fd)
			}
		}
	}
}
