package docker

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
)

// A container stands still from a pause to what ends it; after the commit there
// is nothing more to wait for, unless it is paused. A number is a millisecond.
func TestHear(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []events.Action
		want   time.Duration
		ok     bool
		paused string // what is told meanwhile
	}{
		{"paused", []events.Action{"pause", "commit", "unpause"}, 2 * time.Millisecond, true, "yes yes no"},
		{"the pause has failed", []events.Action{"commit"}, 0, true, "no"},
		{"it was going on before", []events.Action{"unpause", "pause", "commit", "unpause"}, 2 * time.Millisecond, true, "no yes yes no"},
		{"let go by somebody else", []events.Action{"pause", "unpause", "commit"}, time.Millisecond, true, "yes no no"},
		{"the engine has ended", []events.Action{"pause"}, 0, false, "yes"},
		{"refused", nil, 0, false, ""},
	} {
		messages, errs := make(chan events.Message), make(chan error)
		go func() {
			for i, action := range tt.events {
				messages <- events.Message{Action: action, TimeNano: int64(i) * int64(time.Millisecond)}
			}
			errs <- io.EOF
		}()
		var paused []string
		ctx := backends.WithProgress(t.Context(), func(p backends.Progress) {
			paused = append(paused, map[bool]string{true: "yes", false: "no"}[p.Paused])
		})
		got, ok := hear(ctx, client.EventsResult{Messages: messages, Err: errs}, "committing")
		if got != tt.want || ok != tt.ok || !slices.Equal(paused, strings.Fields(tt.paused)) {
			t.Errorf("%s: got %v, %v, paused %q; want %v, %v, %q", tt.name, got, ok, paused, tt.want, tt.ok, tt.paused)
		}
		if tt.ok {
			<-errs
		}
	}
}

// What was not heard is no shorter than it may have been.
func TestStillnessUnheard(t *testing.T) {
	_, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := &stillness{cancel, make(chan time.Duration, 1)}
	close(refused.known)
	if got := refused.after(time.Minute); got != time.Minute {
		t.Errorf("got %v, want a minute", got)
	}
	heard := &stillness{cancel, make(chan time.Duration, 1)}
	heard.known <- 0
	if got := heard.after(time.Minute); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}
