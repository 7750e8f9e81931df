//go:build linux

package containertest

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// exportRequest is what the tool asks of the service.
type exportRequest struct {
	ID      string `json:"id"`
	Archive string `json:"archive"`
}

// exportAnswer is what has become of it.
type exportAnswer struct {
	Code  string `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
}

func answerOf(err error) exportAnswer {
	var f *failure
	switch {
	case err == nil:
		return exportAnswer{}
	case errors.As(err, &f):
		return exportAnswer{f.code, f.message}
	}
	return exportAnswer{"unknown", err.Error()}
}

func (a exportAnswer) err() error {
	if a.Code == "" {
		return nil
	}
	return failed(a.Code, "%s", strings.TrimSpace(a.Error))
}

// requestExport has the service write an archive. That is a process of its
// own, which goes on, and keeps the others waiting, if the tool is killed.
func requestExport(r exportRequest) error {
	w, far, err := fakevm.Pair()
	if err != nil {
		return err
	}
	defer w.Close()
	defer far.Close()
	cmd, err := tool.Stage("export")
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
	var answer exportAnswer
	if err := json.Unmarshal(m.Other, &answer); err != nil {
		return err
	}
	return answer.err()
}

// serveExport is the main function of that process.
func serveExport() {
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
	var r exportRequest
	if err := json.Unmarshal(m.Other, &r); err != nil {
		os.Exit(70)
	}
	answer, err := json.Marshal(answerOf(s.exportRoot(r)))
	if err != nil {
		os.Exit(70)
	}
	_ = w.Send(fakevm.Message{Other: answer}) // to a tool that may be gone
	os.Exit(0)
}

// exportRoot writes the archive, and lets nobody else in meanwhile.
func (s settings) exportRoot(r exportRequest) error {
	leave, err := s.service()
	if err != nil {
		return err
	}
	defer leave()
	time.Sleep(s.exportDelay)
	ctr, err := s.container(r.ID)
	if err != nil {
		return err
	}
	if ctr == nil || !ctr.exists() {
		return notFound(r.ID)
	}
	if ctr.running() && !s.server.atLeast(1, 2, 1) {
		return failed("invalidState", "container is not stopped")
	}
	if !ctr.unpacked() {
		return failed("unknown", "file at path %s.ext4 not found", ctr.rootfs())
	}
	f, err := os.OpenFile(r.Archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pack(ctr.rootfs(), f, extents); err != nil {
		return err
	}
	return f.Close()
}
