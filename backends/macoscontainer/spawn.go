package macoscontainer

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os/exec"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Spawn runs a program in the background. The run is its mark and the name of
// its status file.
func (b *Backend) Spawn(ctx context.Context, bottle bottlestate.Bottle, p backends.Process) (string, error) {
	if err := errors.Join(inside.CheckEnv(p.Env), b.makeRunDir(ctx, bottle)); err != nil {
		return "", err
	}
	id := strings.ToLower(rand.Text())
	err := apple.Once(ctx, b.limits.slow, func(ctx context.Context) *exec.Cmd {
		return b.execCommand(ctx, bottle, inside.Background(p, id), id, "--detach")
	})
	if err != nil {
		// It may have begun all the same, and nobody would know of it.
		return "", errors.Join(err, b.end(context.WithoutCancel(ctx), bottle, id))
	}
	return id, nil
}

func (b *Backend) makeRunDir(ctx context.Context, bottle bottlestate.Bottle) error {
	_, err := b.run(ctx, b.limits.quick, "exec", "--user", "0", backends.Name(bottle.Slug), "/bin/sh", "-c", inside.MakeRunDir)
	return err
}

// Wait asks for the status until it is there, also of a service that is busy.
func (b *Backend) Wait(ctx context.Context, bottle bottlestate.Bottle, run string) (int, error) {
	return inside.Wait(ctx, b, bottle, run, isBusy)
}

// Logs copies the log of background programs, which the tool has none of.
func (b *Backend) Logs(ctx context.Context, bottle bottlestate.Bottle, follow bool, out, errOut io.Writer) error {
	return inside.Logs(ctx, b, bottle, follow, out, errOut)
}
