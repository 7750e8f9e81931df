//go:build linux

package smolvmtest

import (
	"errors"
	"fmt"
	"io"
)

// exitStatus is the end of a program in a machine, or of this one where its
// text is already printed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is one of the argument parser.
type usageError struct{ message, usage string }

func (u *usageError) Error() string { return u.message }

// unfaked is something that the real tool can do and this one cannot. Its
// status is none of the real one's, so that no test takes it for a refusal.
type unfaked string

func (u unfaked) Error() string { return "smolvmtest: " + string(u) + " is not faked" }

func configError(op, format string, args ...any) error {
	return fmt.Errorf("config operation failed: %s: %s", op, fmt.Sprintf(format, args...))
}

func agentError(op, format string, args ...any) error {
	return fmt.Errorf("agent operation failed: %s: %s", op, fmt.Sprintf(format, args...))
}

func notFound(name string) error { return fmt.Errorf("vm not found: %s", name) }

// report prints an error as the tool does, and returns the exit status.
func report(w io.Writer, err error) int {
	var (
		status  exitStatus
		usage   *usageError
		foreign foreignError
		not     unfaked
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(w, "error: %s\n\nUsage: %s\n\nFor more information, try '--help'.\n", usage.message, usage.usage)
		return 2
	case errors.As(err, &foreign):
		fmt.Fprintln(w, foreign)
		return 2
	case errors.As(err, &not):
		fmt.Fprintln(w, not)
		return 70
	}
	fmt.Fprintf(w, "Error: %s\n", err)
	return 1
}
