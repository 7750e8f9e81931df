package docker

import (
	"testing"
	"time"

	"github.com/docker/go-units"
)

// What the engine's list says of a container's time reads the same afterwards.
func TestSince(t *testing.T) {
	for _, d := range []time.Duration{
		0, time.Second, 2 * time.Second, 59 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute, 59 * time.Minute,
		time.Hour, 80 * time.Minute, 2 * time.Hour, 47 * time.Hour, 48 * time.Hour, 100 * time.Hour, 14 * 24 * time.Hour,
		40 * 24 * time.Hour, 60 * 24 * time.Hour, 100 * 24 * time.Hour, 729 * 24 * time.Hour, 800 * 24 * time.Hour,
	} {
		text := units.HumanDuration(d)
		for _, status := range []string{"Up " + text, "Up " + text + " (Paused)", "Up " + text + " (healthy)", "Exited (137) " + text + " ago"} {
			at := since(status)
			if at.IsZero() {
				t.Errorf("%q tells no time", status)
			} else if got := units.HumanDuration(time.Since(at)); got != text {
				t.Errorf("%q is read as %q", status, got)
			}
		}
	}
	for _, status := range []string{"", "Created", "Dead", "Removal In Progress", "Restarting (1) 5 seconds ago", "Up", "Up for ages", "Up 99999999999999999999 hours"} {
		if at := since(status); !at.IsZero() {
			t.Errorf("%q is read as %s", status, at)
		}
	}
}
