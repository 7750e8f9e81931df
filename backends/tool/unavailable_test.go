package tool

import (
	"errors"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
)

func TestUnavailable(t *testing.T) {
	for _, tt := range []struct {
		err       error
		installed bool
	}{
		{Unavailable("vm %s is too old", "1.0"), true},
		{NotInstalled("vm %s is too old", "1.0"), false},
	} {
		if tt.err.Error() != "vm 1.0 is too old" || !errors.Is(tt.err, backends.ErrUnavailable) || errors.Is(tt.err, backends.ErrNotInstalled) == tt.installed {
			t.Errorf("got %q, installed: %v, want %v", tt.err, !errors.Is(tt.err, backends.ErrNotInstalled), tt.installed)
		}
	}
}
