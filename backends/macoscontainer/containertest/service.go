//go:build linux

package containertest

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// serviceAnswer is what has become of what the tool asked of the service.
type serviceAnswer struct {
	Code  string `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
}

func answerOf(err error) serviceAnswer {
	var f *failure
	switch {
	case err == nil:
		return serviceAnswer{}
	case errors.As(err, &f):
		return serviceAnswer{f.code, f.message}
	}
	return serviceAnswer{"unknown", err.Error()}
}

func (a serviceAnswer) err() error {
	if a.Code == "" {
		return nil
	}
	return failed(a.Code, "%s", strings.TrimSpace(a.Error))
}

// requestService has the service do what it goes on with when the tool is
// killed, in a process of its own.
func requestService(stage string, r any) error {
	w, far, err := fakevm.Pair()
	if err != nil {
		return err
	}
	defer w.Close()
	defer far.Close()
	cmd, err := tool.Stage(stage)
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), cmd.Env...)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{far}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	far.Close() // so that its end is seen
	defer func() { _ = cmd.Wait() }()
	question, err := json.Marshal(r)
	if err != nil {
		return err
	}
	m, err := w.Request(fakevm.Message{Other: question}, nil)
	if err != nil {
		return outOf(err)
	}
	var answer serviceAnswer
	if err := json.Unmarshal(m.Other, &answer); err != nil {
		return err
	}
	return answer.err()
}

// serve is the main function of that process.
func serve[Request any](do func(settings, Request) error) {
	s, err := readSettings()
	if err != nil {
		os.Exit(70)
	}
	w, err := fakevm.WireOf(os.NewFile(3, "request"))
	if err != nil {
		os.Exit(70)
	}
	m, _, err := w.Receive()
	if err != nil {
		os.Exit(70)
	}
	var r Request
	if err := json.Unmarshal(m.Other, &r); err != nil {
		os.Exit(70)
	}
	answer, err := json.Marshal(answerOf(do(s, r)))
	if err != nil {
		os.Exit(70)
	}
	_ = w.Send(fakevm.Message{Other: answer}) // to a tool that may be gone
	os.Exit(0)
}
