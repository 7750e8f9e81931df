package docker

import (
	"regexp"
	"strconv"
	"time"
)

// A container's status in the engine's list: "Up 3 hours (Paused)", "Exited (0)
// About a minute ago", "Created".
var statusText = regexp.MustCompile(`^(?:Up|Exited \(\d+\)) (?:(Less than a|About an?|\d+) (second|minute|hour|day|week|month|year)s?)`)

var statusUnits = map[string]time.Duration{
	"second": time.Second,
	"minute": time.Minute,
	"hour":   time.Hour,
	"day":    24 * time.Hour,
	"week":   7 * 24 * time.Hour,
	"month":  30 * 24 * time.Hour,
	"year":   365 * 24 * time.Hour,
}

// since is when a container began to run, or ended, by the text of its status:
// the engine's list has no other word of it, and to inspect each container
// would take a call each. It is as rough as the text, and reads the same.
func since(status string) time.Time {
	found := statusText.FindStringSubmatch(status)
	if found == nil {
		return time.Time{}
	}
	unit := statusUnits[found[2]]
	switch found[1] {
	case "Less than a":
		return time.Now()
	case "About a", "About an":
		return time.Now().Add(-unit)
	}
	count, err := strconv.Atoi(found[1])
	if err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(count) * unit)
}
