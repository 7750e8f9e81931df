//go:build linux

package fakevm

import (
	"io"
	"os"
	"sync"
	"time"
)

// Stdio is the tool's end of a program's input and output.
type Stdio struct {
	In, Out, Err *os.File   // In is nil where the program has no input
	theirs       []*os.File // the program's ends
	copies       sync.WaitGroup
}

// OpenStdio makes the pipes. Without input, the program reads /dev/null.
func OpenStdio(input bool) (*Stdio, error) {
	s := &Stdio{}
	var theirIn, theirOut, theirErr *os.File
	var err error
	if input {
		theirIn, s.In, err = os.Pipe()
	} else {
		theirIn, err = os.Open(os.DevNull)
	}
	if err != nil {
		return nil, err
	}
	if s.Out, theirOut, err = os.Pipe(); err != nil {
		return nil, err
	}
	if s.Err, theirErr, err = os.Pipe(); err != nil {
		return nil, err
	}
	s.theirs = []*os.File{theirIn, theirOut, theirErr}
	return s, nil
}

// Close frees what no program has taken.
func (s *Stdio) Close() { s.release() }

func (s *Stdio) release() {
	for _, f := range s.theirs {
		f.Close()
	}
	s.theirs = nil
}

// Copy copies until the program's output ends.
func (s *Stdio) Copy(in io.Reader, out, err io.Writer) {
	if s.In != nil {
		go func() {
			_, _ = io.Copy(s.In, in)
			s.In.Close()
		}()
	}
	s.copies.Go(func() { _, _ = io.Copy(out, s.Out) })
	s.copies.Go(func() { _, _ = io.Copy(err, s.Err) })
}

// Drained waits for the end of the output, and reports whether it came in
// time. A child that the program has left behind may keep it open.
func (s *Stdio) Drained(patience time.Duration) bool { return waited(&s.copies, patience) }

func waited(copies *sync.WaitGroup, patience time.Duration) bool {
	done := make(chan struct{})
	go func() {
		copies.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}
