package macoscontainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/tool"
)

// apple is the tool, and what is known of it. Nothing changes it.
var apple = tool.Tool{
	Program: program,
	Groups:  []string{"image", "system"},
	Drop:    []string{"CONTAINER_DEBUG=", "CONTAINER_DEFAULT_PLATFORM="},
	Kinds:   kinds,
	Hung:    "if this goes on, restart the service, which stops all containers, with: container system stop && container system start",
}

func kinds(f *tool.Failure) []error {
	switch {
	case f.Says("XPC connection error"):
		return []error{backends.ErrUnavailable}
	case f.Says("container not found"), f.Says("image not found"), f.Says("container with ID"), f.Says("get failed: container"):
		return []error{backends.ErrNotFound}
	}
	return nil
}

// limits say how long the tool may take before it is given up: it has no
// limits of its own for most commands, and is known to hang.
type limits struct {
	list  time.Duration // what is listed for a person; the tool's own limit is 10 seconds
	quick time.Duration // what only asks or changes a record
	slow  time.Duration // what boots or stops a virtual machine
	bulk  time.Duration // what reads or writes a whole tree
	busy  time.Duration // a service that an export keeps from answering
	end   time.Duration // what ends an interrupted program; a busy service answers within
}

var patient = limits{list: 15 * time.Second, quick: time.Minute, slow: 2 * time.Minute, bulk: time.Hour, busy: 5 * time.Minute, end: 20 * time.Second}

// isBusy reports whether the service did not get to answer: it lists its
// containers before it does anything with one, and cannot while it exports.
func isBusy(err error) bool { return says(err, "XPC timeout for request to") }

func says(err error, text string) bool {
	var failed *tool.Failure
	return errors.As(err, &failed) && failed.Says(text)
}

// run runs the tool and returns what it printed.
func (b *Backend) run(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	for until := time.Now().Add(b.limits.busy); ; {
		out, err := b.runOnce(ctx, limit, args...)
		if !isBusy(err) {
			return out, err
		}
		if time.Now().After(until) {
			return "", fmt.Errorf("the container service has been busy for %v; it cannot answer while a container is exported: %w", b.limits.busy, err)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// runOnce does so without waiting for a service that is busy.
func (b *Backend) runOnce(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	if _, err := b.reach(); err != nil {
		return "", err
	}
	var out bytes.Buffer
	err := apple.Once(ctx, limit, func(ctx context.Context) *exec.Cmd {
		cmd := apple.Command(ctx, args...)
		cmd.Stdout = &out
		return cmd
	})
	return out.String(), err
}
