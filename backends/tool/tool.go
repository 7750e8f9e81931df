// Package tool runs an engine's own command line tool, keeps what it says, and
// gives up on one that hangs.
package tool

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Tool is a program on PATH.
type Tool struct {
	Program string
	// Groups are its commands that have commands of their own: "image" in
	// "image load".
	Groups []string
	// Drop are the beginnings of variables that would change what it does or
	// says. They are not handed on to it.
	Drop []string
	// Kinds says what the text of a failure means, as errors that it is to
	// match.
	Kinds func(f *Failure) []error
	// Hung says what may help with one that hangs.
	Hung string
}

// Failure is a command that failed, in the tool's own words.
type Failure struct {
	tool   *Tool
	args   []string
	Stderr string
	Err    error
}

// Failure returns the error of a command that said stderr and ended with err.
func (t *Tool) Failure(args []string, stderr string, err error) *Failure {
	return &Failure{t, args, stderr, err}
}

func (f *Failure) Error() string {
	text := strings.TrimPrefix(strings.TrimSpace(f.Stderr), "Error: ")
	if text == "" {
		text = f.Err.Error()
	}
	return fmt.Sprintf("%s %s: %s", f.tool.Program, f.tool.verb(f.args), text)
}

// Unwrap returns why the command ended, and what its text means.
func (f *Failure) Unwrap() []error { return append(f.tool.Kinds(f), f.Err) }

// Says reports whether text is in what the tool said.
func (f *Failure) Says(text string) bool { return strings.Contains(f.Stderr, text) }

// verb is the command without its options.
func (t *Tool) verb(args []string) string {
	if slices.Contains(t.Groups, args[0]) && len(args) > 1 {
		return args[0] + " " + args[1]
	}
	return args[0]
}

// DeadlineError is a command that had to be given up.
type DeadlineError struct {
	tool  *Tool
	args  []string
	limit time.Duration
}

// Deadline returns the error of a command that has not ended within limit.
func (t *Tool) Deadline(args []string, limit time.Duration) *DeadlineError {
	return &DeadlineError{t, args, limit}
}

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("%s %s has not ended in %v and was given up; %s", e.tool.Program, e.tool.verb(e.args), e.limit, e.tool.Hung)
}

// Once runs a command to its end, and keeps what it says. Its error is a
// *Failure, the error of ctx, or, for a deadline that is not the caller's, a
// *DeadlineError.
func (t *Tool) Once(ctx context.Context, limit time.Duration, open func(context.Context) *exec.Cmd) error {
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
		return t.Deadline(cmd.Args[1:], limit)
	}
	return t.Failure(cmd.Args[1:], errOut.String(), err)
}

// Command returns the tool's command. It is out of reach of the terminal's
// signals: an interrupt is for this program, which decides when the tool has
// to end.
func (t *Tool) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.Program, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(t.Drop, func(begin string) bool { return strings.HasPrefix(variable, begin) })
	})
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Tail keeps the end of what is written to it.
type Tail struct{ data []byte }

func (t *Tail) Write(p []byte) (int, error) {
	const limit = 4096
	t.data = append(t.data, p...)
	if len(t.data) > limit {
		t.data = append(t.data[:0], t.data[len(t.data)-limit:]...)
	}
	return len(p), nil
}

func (t *Tail) String() string { return string(t.data) }
