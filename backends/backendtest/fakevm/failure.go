//go:build linux

package fakevm

import (
	"errors"
	"fmt"
	"strings"
)

// Reason is why a program could not be started, where the tools have texts of
// their own for it.
type Reason string

const (
	NoMachine Reason = "the machine ended"
	NoMount   Reason = "mount"
	NoProgram Reason = "no such program"
	NoUser    Reason = "no such user"
	NoGroup   Reason = "no such group"
	NoDir     Reason = "no such directory"
)

// Failure is an error that came out of a machine.
type Failure struct {
	Reason Reason `json:"reason,omitempty"`
	// Name is what could not be had: the program, the user, the directory.
	Name string `json:"name,omitempty"`
	Text string `json:"text,omitempty"`
}

func (f *Failure) Error() string {
	if f.Reason == "" {
		return f.Text
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Reason, f.Name, f.Text))
}

func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Text: strings.TrimSpace(err.Error())}
}
