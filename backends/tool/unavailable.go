package tool

import (
	"errors"
	"fmt"

	"github.com/docker-bottle/docker-bottle/backends"
)

// Unavailable returns the error of a backend whose tool is there and cannot be
// worked with: its text is all that a person is told.
func Unavailable(format string, args ...any) error {
	return &unavailableError{fmt.Sprintf(format, args...), backends.ErrUnavailable}
}

// NotInstalled returns the error of a backend whose tool is not there.
func NotInstalled(format string, args ...any) error {
	return &unavailableError{fmt.Sprintf(format, args...), errors.Join(backends.ErrUnavailable, backends.ErrNotInstalled)}
}

// unavailableError is why there is nothing to work with.
type unavailableError struct {
	text string
	kind error
}

func (e *unavailableError) Error() string { return e.text }
func (e *unavailableError) Unwrap() error { return e.kind }
