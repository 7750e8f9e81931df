package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// spawn runs "$@" with the main process's output as its own, so that it is
// the container's log, and leaves the exit status in the file $1.
const spawn = `f=$1; shift
: >"$f" || exit
"$@" >/proc/1/fd/1 2>/proc/1/fd/2 </dev/null
echo $? >"$f"`

// Spawn runs a program in the background. The run is the name of its status
// file and the time the container was started, which tells a file that will
// never be written to.
func (b *Backend) Spawn(ctx context.Context, bottle bottlestate.Bottle, p backends.Process) (string, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return "", err
	}
	id := strings.ToLower(rand.Text())
	created, err := b.createExec(ctx, bottle, client.ExecCreateOptions{
		User:       p.User,
		Env:        p.Env,
		WorkingDir: p.Dir,
		Cmd:        append([]string{"/bin/sh", "-c", spawn, "sh", path.Join(backends.RunDir, id)}, p.Args...),
	})
	if err != nil {
		return "", err
	}
	if _, err := b.api.ExecStart(ctx, created.ID, client.ExecStartOptions{Detach: true}); err != nil {
		return "", engineError(err)
	}
	return id + " " + ctr.State.StartedAt, nil
}

// waitEvery is how often Wait looks; the engine has no event for the end of a
// program that nobody is attached to.
const waitEvery = 200 * time.Millisecond

// Wait looks for the status file until it is written.
func (b *Backend) Wait(ctx context.Context, bottle bottlestate.Bottle, run string) (int, error) {
	id, started, _ := strings.Cut(run, " ")
	for {
		ctr, err := b.inspect(ctx, bottle)
		if err != nil {
			return 0, err
		}
		// In this order: the state first, then the file, so that a program
		// that ends in between is not taken for one that left no status.
		status, err := b.readStatus(ctx, ctr.ID, path.Join(backends.RunDir, id))
		if err != nil {
			return 0, err
		}
		if status != "" {
			return strconv.Atoi(status)
		}
		if !ctr.State.Running || ctr.State.StartedAt != started {
			return 0, errors.New("the bottle was stopped before its agent ended")
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(waitEvery):
		}
	}
}

func (b *Backend) readStatus(ctx context.Context, id, file string) (string, error) {
	res, err := b.api.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: file})
	if isNotFound(err) {
		return "", nil
	} else if err != nil {
		return "", engineError(err)
	}
	defer res.Content.Close()
	r := tar.NewReader(res.Content)
	if _, err := r.Next(); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(r, 16))
	return strings.TrimSpace(string(data)), err
}

// Logs copies the container's log, which background programs write to.
func (b *Backend) Logs(ctx context.Context, bottle bottlestate.Bottle, follow bool, out, errOut io.Writer) error {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return err
	}
	res, err := b.api.ContainerLogs(ctx, ctr.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow})
	if err != nil {
		return engineError(err)
	}
	defer res.Close()
	_, err = stdcopy.StdCopy(out, errOut, res)
	return err
}
