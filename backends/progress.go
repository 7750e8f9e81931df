package backends

import (
	"context"
	"io"
	"os"
	"time"
)

// Progress is what is being done just now, of something that takes a while.
type Progress struct {
	// Step is in the words of a person: "loading the image".
	Step string
	// Done and Total are bytes, or 0 where they are not known.
	Done, Total int64
	// Paused is set while the bottle's programs stand still, to go on after.
	Paused bool
}

type progressKey struct{}

// WithProgress returns a context under which every method tells report how it
// gets on. Report is called from any goroutine, also twice at once, and for
// each piece that is copied: it has to be cheap, and to show what it is told no
// more often than is good.
func WithProgress(ctx context.Context, report func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Report tells whoever wants to know under ctx, if anybody does.
func Report(ctx context.Context, p Progress) {
	if report, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		report(p)
	}
}

// Step reports a step of which no more is known.
func Step(ctx context.Context, step string) { Report(ctx, Progress{Step: step}) }

// Counted returns r with a report for each piece that is read from it. What p
// has as Done was read before.
func Counted(ctx context.Context, p Progress, r io.Reader) io.Reader {
	Report(ctx, p)
	return &counted{ctx, p, r}
}

type counted struct {
	ctx context.Context
	p   Progress
	r   io.Reader
}

func (c *counted) Read(data []byte) (int, error) {
	n, err := c.r.Read(data)
	c.p.Done += int64(n)
	Report(c.ctx, c.p)
	return n, err
}

// SetReadDeadline wakes a Read that blocks, where what is read can do that.
func (c *counted) SetReadDeadline(t time.Time) error {
	if r, ok := c.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		return r.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}
