package macoscontainer

import (
	"testing"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
)

// TestConformance runs against the real tool, on a Mac that has it. The
// busybox of its images has to be one for linux/arm64.
func TestConformance(t *testing.T) {
	backendtest.Real(t, program)
	backendtest.Run(t, New(), backendtest.Busybox(t))
}

// TestConformanceFake runs against the fake: of a version that has to stop a
// bottle to freeze it, and of one that has not.
func TestConformanceFake(t *testing.T) {
	for _, version := range []string{"1.2.0", "1.4.1"} {
		t.Run(version, func(t *testing.T) {
			fake(t, version)
			backendtest.Run(t, New(), backendtest.Busybox(t))
		})
	}
}
