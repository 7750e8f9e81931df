//go:build linux

package containertest

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// failure is an error of the tool or its service: ContainerizationError.
type failure struct {
	code, message string
	cause         error
}

func failed(code, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

func (f *failure) because(cause error) *failure {
	f.cause = cause
	return f
}

// Error is what a person reads who gets just this error.
func (f *failure) Error() string { return f.message + f.why() }

func (f *failure) why() string {
	if f.cause == nil {
		return ""
	}
	return fmt.Sprintf(` (cause: "%s")`, describe(f.cause))
}

// describe is how an error looks inside another one: with its code.
func describe(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return fmt.Sprintf(`%s: "%s"%s`, f.code, f.message, f.why())
	}
	return fmt.Sprintf(`unknown: "%s"`, err)
}

// described is an error that reaches the person with its code.
type described struct{ error }

// aggregate is the errors of a command that goes on to the next container.
type aggregate []error

func (a aggregate) Error() string {
	lines := make([]string, len(a))
	for i, err := range a {
		lines[i] = describe(err)
	}
	return strings.Join(lines, "\n")
}

// orNil keeps an empty aggregate from being an error.
func (a aggregate) orNil() error {
	if len(a) == 0 {
		return nil
	}
	return a
}

// silent is a failure whose text is already printed.
type silent struct{}

func (silent) Error() string { return "" }

// exitStatus is the end of a program in a container.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is one of the argument parser.
type usageError struct {
	message, usage, path string
}

func (u *usageError) Error() string { return u.message }

// startHint is what the tool adds to an error of the connection.
const startHint = "Ensure container system service has been started with `container system start`."

// report prints an error as the tool does, and returns the exit status.
func report(w io.Writer, err error) int {
	var (
		status exitStatus
		usage  *usageError
		prefix described
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(w, "Error: %s\nUsage: %s\n  See '%s --help' for more information.\n", usage.message, usage.usage, usage.path)
		return 64
	case errors.Is(err, silent{}):
	case strings.Contains(err.Error(), "XPC connection error"):
		fmt.Fprintf(w, "Error: %s\n%s\n", describe(err), startHint)
	case errors.As(err, &prefix):
		fmt.Fprintf(w, "Error: %s\n", describe(prefix.error))
	default:
		fmt.Fprintf(w, "Error: %s\n", err)
	}
	return 1
}
