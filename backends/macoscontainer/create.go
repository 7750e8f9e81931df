package macoscontainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
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
	options, err := createOptions(bottle)
	if err != nil {
		return err
	}
	args := append([]string{
		"create",
		"--name", backends.Name(bottle.Slug),
		"--label", backends.ContainerLabel + "=" + string(bottle.Slug),
		"--init", // the first process would not reap, nor hear a signal
		"--entrypoint", "/bin/sh",
	}, options...)
	err = apple.Once(ctx, b.limits.slow, func(ctx context.Context) *exec.Cmd {
		return apple.Command(ctx, append(args, ref, "-c", backends.KeepAlive)...)
	})
	if err != nil {
		return b.undoCreate(context.WithoutCancel(ctx), bottle, err)
	}
	return nil
}

// undoCreate removes what a create that did not end well may have made. After
// a timeout or an interrupt the service may still be about to.
func (b *Backend) undoCreate(ctx context.Context, bottle bottlestate.Bottle, cause error) error {
	var failed *tool.Failure
	patience := time.Now()
	if !errors.As(cause, &failed) || isBusy(cause) {
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

// CopyWorkspace unpacks the tree in the running bottle: the tool's own copy
// keeps neither modes nor owners.
func (b *Backend) CopyWorkspace(ctx context.Context, bottle bottlestate.Bottle, tree io.Reader) error {
	limited, cancel := context.WithTimeout(ctx, b.limits.bulk)
	defer cancel()
	return inside.CopyWorkspace(limited, b, bottle, tree)
}
