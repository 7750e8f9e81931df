package macoscontainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/dirtar"
)

// Create makes the container. Never with run, which deletes it if it does not
// start.
func (b *Backend) Create(ctx context.Context, bottle bottlestate.Bottle, ref string) error {
	// Before anything is undone below it has to be known that it is ours. It
	// also waits for a busy service: a create that timed out is not asked for
	// again, as the service may still get to the first.
	if _, err := b.inspect(ctx, bottle); err == nil {
		return fmt.Errorf("container %s exists already", backends.Name(bottle.Slug))
	} else if !isNotFound(err) {
		return err
	}
	// Looked up first: create would pull a name that it does not know.
	if _, _, err := b.inspectImage(ctx, ref); err != nil {
		return err
	}
	args := []string{
		"create",
		"--name", backends.Name(bottle.Slug),
		"--label", backends.ContainerLabel + "=" + string(bottle.Slug),
		"--init", // the first process would not reap, nor hear a signal
		"--entrypoint", "/bin/sh",
	}
	resources, err := resources(bottle)
	if err != nil {
		return err
	}
	args = append(args, resources...)
	for _, volume := range bottle.Volumes {
		args = append(args, "--volume", volume)
	}
	for _, path := range bottle.Tmpfs {
		args = append(args, "--tmpfs", path)
	}
	if bottle.Network != "" {
		args = append(args, "--network", bottle.Network)
	}
	err = once(ctx, b.limits.slow, func(ctx context.Context) *exec.Cmd {
		return command(ctx, append(args, ref, "-c", backends.KeepAlive)...)
	})
	if err != nil {
		return b.undoCreate(context.WithoutCancel(ctx), bottle, err)
	}
	return nil
}

func resources(bottle bottlestate.Bottle) (args []string, err error) {
	if cpus := bottle.NanoCPUs; cpus != 0 {
		if cpus%1e9 != 0 {
			return nil, fmt.Errorf("--cpus %g: container gives a bottle whole CPUs only", float64(cpus)/1e9)
		}
		args = append(args, "--cpus", strconv.FormatInt(cpus/1e9, 10))
	}
	if bottle.Memory != 0 {
		args = append(args, "--memory", strconv.FormatInt(bottle.Memory, 10))
	}
	return args, nil
}

// undoCreate removes what a create that did not end well may have made. After
// a timeout or an interrupt the service may still be about to.
func (b *Backend) undoCreate(ctx context.Context, bottle bottlestate.Bottle, cause error) error {
	var tool *toolError
	patience := time.Now()
	if !errors.As(cause, &tool) || tool.isBusy() {
		patience = patience.Add(5 * time.Second)
	}
	for {
		_, err := b.inspect(ctx, bottle)
		if isNotFound(err) && time.Now().Before(patience) {
			time.Sleep(500 * time.Millisecond)
			continue
		}
		return errors.Join(cause, b.Remove(ctx, bottle, true))
	}
}

// CopyWorkspace unpacks the tree into WorkDir, with the ids of the image's user
// in the stream. It needs a running bottle and a tar in the image: the tool's
// own copy keeps neither modes nor owners.
func (b *Backend) CopyWorkspace(ctx context.Context, bottle bottlestate.Bottle, tree io.Reader) error {
	limited, cancel := context.WithTimeout(ctx, b.limits.bulk)
	defer cancel()
	uid, gid, err := backends.User(limited, b, bottle)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := dirtar.Own(w, tree, backends.WorkDir, uid, gid)
		packed <- err
		w.CloseWithError(err)
	}()
	var errOut bytes.Buffer
	err = b.Exec(limited, bottle, backends.Process{Args: []string{"tar", "-xf", "-", "-C", "/"}, User: "0"}, backends.Stdio{In: r, Out: io.Discard, Err: &errOut})
	r.Close() // ends the packing, if nobody has read to its end
	packErr := <-packed
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case packErr != nil && !errors.Is(packErr, io.ErrClosedPipe):
		return packErr
	case err != nil:
		// Not wrapped: the status of a tar is not that of the command.
		return fmt.Errorf("unpacking it with the image's tar: %v: %s", err, strings.TrimSpace(errOut.String()))
	}
	return nil
}
