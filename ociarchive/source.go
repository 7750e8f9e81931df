package ociarchive

import (
	"context"
	"io"
	"time"
)

// source reads a tree until its context ends, and remembers whether the tree
// has ended.
type source struct {
	ctx   context.Context
	r     io.Reader
	ended bool
}

// newSource returns a source and what to call after its last Read.
func newSource(ctx context.Context, r io.Reader) (s *source, stop func() bool) {
	stop = context.AfterFunc(ctx, func() {
		if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0)) // wakes a Read that blocks; files have none
		}
	})
	return &source{ctx: ctx, r: r}, stop
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, context.Cause(s.ctx)
	}
	n, err := s.r.Read(p)
	switch {
	case err == io.EOF && n > 0:
		err = nil // the tar reader may never look past these bytes
	case err == io.EOF:
		s.ended = true
	case err != nil && s.ctx.Err() != nil:
		err = context.Cause(s.ctx)
	}
	return n, err
}
