package macoscontainer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// execCommand is the tool's command for a program. Values of variables are not
// among its arguments, which everybody on the host can see: the tool takes
// them from its own environment. It adds variables to those of the image
// without looking whether they are there, and then the image's win.
func (b *Backend) execCommand(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, mark string, options ...string) *exec.Cmd {
	cmd := apple.Command(ctx)
	args := append([]string{"exec"}, options...)
	if p.User != "" {
		args = append(args, "--user", p.User)
	}
	if p.Dir != "" {
		args = append(args, "--workdir", p.Dir)
	}
	launch, env := inside.Launch(p, mark)
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		args = append(args, "--env", name)
	}
	cmd.Env = append(cmd.Env, env...)
	args = append(args, backends.Name(bottle.Slug))
	cmd.Args = append(cmd.Args, append(args, launch...)...)
	return cmd
}

// Exec runs a program with the streams of stdio. When ctx ends, so does the
// program: the tool passes no signal on, and would leave it behind.
func (b *Backend) Exec(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	if _, err := b.reach(); err != nil {
		return err
	}
	if err := errors.Join(ctx.Err(), inside.CheckEnv(p.Env)); err != nil {
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
	defer tool.Attach(cmd, stdio)()
	var errOut tool.Tail
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
		return apple.Failure([]string{"exec"}, text, err)
	}
	return &backends.ExitError{Code: exit.ExitCode()}
}

// failedItself finds the words with which the tool fails before there is a
// program; its status is 1, which can be a program's too.
var failedItself = regexp.MustCompile(`(?m)^Error: (get failed: container bottle-|.*XPC (timeout for request|connection error))`)

// end ends the programs of an exec.
func (b *Backend) end(ctx context.Context, bottle bottlestate.Bottle, mark string) error {
	for _, signal := range []string{"TERM", "KILL"} {
		err := apple.Once(ctx, b.limits.end, func(ctx context.Context) *exec.Cmd {
			args := []string{"exec", "--user", "0", backends.Name(bottle.Slug)}
			return apple.Command(ctx, append(args, inside.End(mark, signal)...)...)
		})
		if err != nil {
			return fmt.Errorf("the program may still run in bottle %s: %w", bottle.Slug, err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	return nil
}
