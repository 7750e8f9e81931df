package smolmachines

import (
	"context"
	"errors"
	"io"
	"os/exec"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Spawn runs a program in the background. The run is its mark and the name of
// its status file.
func (b *Backend) Spawn(ctx context.Context, bottle bottlestate.Bottle, p backends.Process) (string, error) {
	if err := inside.CheckEnv(p.Env); err != nil {
		return "", err
	}
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return "", err
	}
	run := newMark()
	err = smolvm.Once(ctx, b.limits.slow, func(ctx context.Context) *exec.Cmd {
		// Root keeps the log and the status, also of a program that cannot be
		// run as its user.
		return execCommand(ctx, m, inside.Background(asUser(m, p), run), run, "-d")
	})
	if err != nil {
		// It may have begun all the same, and nobody would know of it.
		return "", errors.Join(err, b.end(context.WithoutCancel(ctx), m, run))
	}
	return run, nil
}

// end ends a program in the background.
func (b *Backend) end(ctx context.Context, m machine, run string) error {
	ctx, cancel := context.WithTimeout(ctx, b.limits.ready)
	defer cancel()
	return b.exec(ctx, m, backends.Process{Args: inside.End(run, "KILL"), User: "0", Dir: "/"}, backends.Stdio{Out: io.Discard, Err: io.Discard})
}

// Wait asks for the status until it is there.
func (b *Backend) Wait(ctx context.Context, bottle bottlestate.Bottle, run string) (int, error) {
	return inside.Wait(ctx, b, bottle, run, nil)
}

// Logs copies the log of background programs, which the tool has none of.
func (b *Backend) Logs(ctx context.Context, bottle bottlestate.Bottle, follow bool, out, errOut io.Writer) error {
	return inside.Logs(ctx, b, bottle, follow, out, errOut)
}
