package macoscontainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
)

// limits say how long the tool may take before it is given up: it has no
// limits of its own for most commands, and is known to hang.
type limits struct {
	quick time.Duration // what only asks or changes a record
	slow  time.Duration // what boots or stops a virtual machine
	bulk  time.Duration // what reads or writes a whole tree
	busy  time.Duration // a service that an export keeps from answering
}

var patient = limits{quick: time.Minute, slow: 2 * time.Minute, bulk: time.Hour, busy: 5 * time.Minute}

// toolError is a command that failed, in the tool's own words.
type toolError struct {
	args   []string
	stderr string
	err    error
}

func (e *toolError) Error() string {
	text := strings.TrimPrefix(strings.TrimSpace(e.stderr), "Error: ")
	if text == "" {
		text = e.err.Error()
	}
	return fmt.Sprintf("container %s: %s", verb(e.args), text)
}

func (e *toolError) Unwrap() []error {
	errs := []error{e.err}
	switch {
	case e.says("XPC connection error"):
		errs = append(errs, backends.ErrUnavailable)
	case e.says("container not found"), e.says("image not found"), e.says("container with ID"), e.says("get failed: container"):
		errs = append(errs, backends.ErrNotFound)
	}
	return errs
}

func (e *toolError) says(text string) bool { return strings.Contains(e.stderr, text) }

// isBusy reports whether the service did not get to answer: it lists its
// containers before it does anything with one, and cannot while it exports.
func (e *toolError) isBusy() bool { return e.says("XPC timeout for request to") }

func says(err error, text string) bool {
	var tool *toolError
	return errors.As(err, &tool) && tool.says(text)
}

// verb is the command without its options.
func verb(args []string) string {
	if (args[0] == "image" || args[0] == "system") && len(args) > 1 {
		return args[0] + " " + args[1]
	}
	return args[0]
}

// deadlineError is a command that had to be given up.
type deadlineError struct {
	args  []string
	limit time.Duration
}

func (e *deadlineError) Error() string {
	return fmt.Sprintf("container %s has not ended in %v and was given up; if this goes on, restart the service, which stops all containers, with: container system stop && container system start", verb(e.args), e.limit)
}

// run runs the tool and returns what it printed.
func (b *Backend) run(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	if _, err := b.reach(); err != nil {
		return "", err
	}
	for until := time.Now().Add(b.limits.busy); ; {
		var out bytes.Buffer
		err := once(ctx, limit, func(ctx context.Context) *exec.Cmd {
			cmd := command(ctx, args...)
			cmd.Stdout = &out
			return cmd
		})
		var tool *toolError
		if !errors.As(err, &tool) || !tool.isBusy() {
			return out.String(), err
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

// once runs a command of the tool to its end, and keeps what it says. A
// deadline that is not the caller's is an error that says what may help.
func once(ctx context.Context, limit time.Duration, open func(context.Context) *exec.Cmd) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var errOut bytes.Buffer
	cmd := open(limited)
	cmd.Stderr = &errOut
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &deadlineError{cmd.Args[1:], limit}
	}
	return &toolError{cmd.Args[1:], errOut.String(), err}
}

// command is the tool with an environment that does not change what it does.
// It is out of reach of the terminal's signals: an interrupt is for this
// program, which decides when the tool has to end.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environ()
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CONTAINER_DEBUG=") || strings.HasPrefix(v, "CONTAINER_DEFAULT_PLATFORM=")
	})
}
