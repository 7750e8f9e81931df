package smolmachines

import (
	"cmp"
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
	cmd := execCommand(ctx, m, asUser(m, p), newMark(), mode)
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

// newMark returns a word that no other exec has.
func newMark() string { return strings.ToLower(rand.Text()) }

// asUser returns p as root runs it to become its user, with what the machine
// has forgotten of its image: user, directory and variables.
func asUser(m machine, p backends.Process) backends.Process {
	known := m.meta()
	user := cmp.Or(p.User, known.User)
	p.Dir = cmp.Or(p.Dir, known.WorkingDir)
	p.User = ""
	if user != "" {
		p.Args = append([]string{"/bin/sh", "-c", become, "sh", user}, p.Args...)
	}
	var env []string
	for _, variable := range known.Env {
		if inside.CheckEnv([]string{variable}) == nil { // others are the image's alone
			env = append(env, variable)
		}
	}
	p.Env = append(env, p.Env...)
	return p
}

// execCommand is the tool's command for a program that root runs. Values of variables are not
// among its arguments, which everybody on the host can see: the tool takes
// them from its own environment.
func execCommand(ctx context.Context, m machine, p backends.Process, mark string, mode string) *exec.Cmd {
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
var failedItself = regexp.MustCompile(`(?m)^Error: (vm not found: |(agent|config|io|storage|mount|database) operation failed: |invalid vm state: |database not available: |kvm (not available|permission denied): )`)
