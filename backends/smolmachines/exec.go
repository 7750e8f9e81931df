package smolmachines

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Exec runs a program with the streams of stdio. When ctx ends, so does the
// program: a machine ends what the tool has run when the tool is killed.
func (b *Backend) Exec(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	if err := errors.Join(ctx.Err(), inside.CheckEnv(p.Env)); err != nil {
		return err
	}
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return err
	}
	return b.exec(ctx, m, p, stdio)
}

func (b *Backend) exec(ctx context.Context, m machine, p backends.Process, stdio backends.Stdio) error {
	// Without an option for its streams the tool keeps all output, up to a
	// limit, and prints it at the end.
	mode := "--stream"
	switch {
	case stdio.TTY:
		mode = "-it"
		if kind := os.Getenv("TERM"); kind != "" {
			p.Env = append([]string{"TERM=" + kind}, p.Env...)
		}
	case stdio.In != nil:
		mode = "-i"
	}
	cmd := execCommand(ctx, m, p, strings.ToLower(rand.Text()), mode)
	defer tool.Attach(cmd, stdio)()
	var errOut tool.Tail
	if !stdio.TTY && stdio.Err != nil {
		cmd.Stderr = io.MultiWriter(stdio.Err, &errOut)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &exit):
		return err
	}
	if text := errOut.String(); exit.ExitCode() == 1 && failedItself.MatchString(text) {
		return smolvm.Failure([]string{"machine", "exec"}, text, err)
	}
	return &backends.ExitError{Code: exit.ExitCode()}
}

// execCommand is the tool's command for a program. Values of variables are not
// among its arguments, which everybody on the host can see: the tool takes
// them from its own environment.
func execCommand(ctx context.Context, m machine, p backends.Process, mark string, mode string) *exec.Cmd {
	meta := m.image()
	if p.User == "" {
		p.User = meta.User
	}
	if p.Dir == "" {
		p.Dir = meta.WorkingDir
	}
	if p.User != "" {
		p.Args = append([]string{"/bin/sh", "-c", become, "sh", p.User}, p.Args...)
	}
	cmd := command(ctx, "machine", "exec", "--name", m.Name, mode)
	if p.Dir != "" {
		cmd.Args = append(cmd.Args, "-w", p.Dir)
	}
	args, env := inside.Launch(p, mark)
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		cmd.Args = append(cmd.Args, "-e", name)
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Args = append(append(cmd.Args, "--"), args...)
	return cmd
}

// failedItself finds the words with which the tool fails, whose status is 1,
// which can be a program's too.
var failedItself = regexp.MustCompile(`(?m)^Error: (agent operation failed|vm not found|config operation failed|io operation failed|invalid vm state|database )`)
