package backends_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type plain struct{ backends.Backend }

type exporting struct{ plain }

func (exporting) ExportCommand(b bottlestate.Bottle, snap bottlestate.Snapshot) string {
	return "export " + string(b.Slug) + " " + snap.Reference
}

// Lookup opens the backend that is asked for and no other, and passes on why
// it could not.
func TestLookup(t *testing.T) {
	down := errors.New("no socket")
	registry := backends.Registry{
		"up":   func() (backends.Backend, error) { return plain{}, nil },
		"down": func() (backends.Backend, error) { return nil, down },
	}
	if be, err := registry.Lookup("up"); be != (plain{}) || err != nil {
		t.Errorf("up: got %v, %v", be, err)
	}
	if _, err := registry.Lookup("down"); !errors.Is(err, down) {
		t.Errorf("down: got %v, want %v", err, down)
	}
}

// Promise 9: an unknown backend is named, with the ones there are, in order.
func TestLookupUnknown(t *testing.T) {
	never := func() (backends.Backend, error) { panic("opened") }
	registry := backends.Registry{"smolmachines": never, "docker": never, "macos-container": never}
	for _, name := range []string{"podman", "", "Docker"} {
		be, err := registry.Lookup(name)
		if be != nil || err == nil || !strings.Contains(err.Error(), `"`+name+`"`) || !strings.Contains(err.Error(), "docker, macos-container, smolmachines") {
			t.Errorf("Lookup(%q) = %v, %v; want an error that lists the backends", name, be, err)
		}
	}
}

// Promise 1: there is an export hint where the backend has a command for it,
// and none where it has not.
func TestExportHint(t *testing.T) {
	b, snap := bottlestate.Bottle{Slug: "web"}, bottlestate.Snapshot{Reference: "ref"}
	if got := backends.ExportHint(exporting{}, b, snap); got != "export web ref" {
		t.Errorf("with an exporter: %q", got)
	}
	if got := backends.ExportHint(plain{}, b, snap); got != "" {
		t.Errorf("without an exporter: %q", got)
	}
}

// Promise 8: the hint for a bottle of another engine reaches that engine.
func TestReach(t *testing.T) {
	for _, tt := range []struct{ context, want string }{
		{"prod", "docker --context prod"},
		{"default", "docker -H tcp://prod"},
		{"", "docker -H tcp://prod"},
		{"it's", `docker --context 'it'"'"'s'`},
	} {
		if _, got := backends.Reach(plain{}, tt.context, "tcp://prod"); got != tt.want {
			t.Errorf("context %q: got %q, want %q", tt.context, got, tt.want)
		}
	}
}
