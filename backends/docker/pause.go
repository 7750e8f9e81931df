package docker

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
)

// eventTime is how long an event may be on its way after the call that has
// caused it was answered.
const eventTime = time.Second

// stillness hears from the engine for how long a commit pauses a container:
// it does so for a part of the call, and does not say if it could not.
type stillness struct {
	end   context.CancelFunc
	known chan time.Duration // closed without a value if the engine does not tell
}

// watchPauses begins to listen, and reports step anew whenever the container
// is paused or goes on.
func (b *Backend) watchPauses(ctx context.Context, id, step string) *stillness {
	ctx, cancel := context.WithCancel(ctx)
	s := &stillness{cancel, make(chan time.Duration, 1)}
	listening := make(chan struct{})
	go func() {
		res := b.api.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).
			Add("type", "container").
			Add("container", id).
			Add("event", "pause", "unpause", "commit")})
		close(listening)
		if still, ok := hear(ctx, res, step); ok {
			s.known <- still
		}
		close(s.known)
	}()
	select { // something in between may hold back an answer that has no text yet
	case <-listening:
	case <-time.After(eventTime):
	}
	return s
}

// hear listens until the commit is over and the container goes on. The order
// is pause, commit, unpause.
func hear(ctx context.Context, res client.EventsResult, step string) (still time.Duration, ok bool) {
	var paused time.Time
	committed := false
	for {
		select {
		case <-res.Err:
			return 0, false
		case m := <-res.Messages:
			at := time.Unix(0, m.TimeNano)
			switch m.Action {
			case events.ActionPause:
				paused = at
			case events.ActionUnPause:
				if !paused.IsZero() {
					still += at.Sub(paused)
				}
				paused = time.Time{}
			case events.ActionCommit:
				committed = true
			}
			backends.Report(ctx, backends.Progress{Step: step, Paused: !paused.IsZero()})
			if committed && paused.IsZero() {
				return still, true
			}
		}
	}
}

// after returns what was heard once the commit has ended, or most, if the
// engine does not tell.
func (s *stillness) after(most time.Duration) time.Duration {
	select {
	case still, ok := <-s.known:
		if ok {
			return still
		}
	case <-time.After(eventTime):
	}
	return most
}
