package docker_test

import (
	"testing"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/docker"
)

// TestConformance runs against the engine of $DOCKER_HOST, or the local one.
func TestConformance(t *testing.T) {
	busybox := backendtest.Busybox(t)
	if busybox == "" {
		t.Skip("no static busybox")
	}
	api := engine(t)
	be := docker.New(api, docker.Engine{Context: "default", Address: api.DaemonHost(), Command: []string{"docker"}})
	backendtest.Run(t, be, busybox)
}
