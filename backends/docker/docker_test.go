package docker_test

import (
	"os"
	"testing"

	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
	"github.com/docker-bottle/docker-bottle/backends/docker"
)

// TestConformance runs against the engine of $DOCKER_HOST, or the local one.
func TestConformance(t *testing.T) {
	busybox := backendtest.Busybox(t)
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	_, err = api.Ping(t.Context(), client.PingOptions{})
	switch {
	case (err != nil || busybox == "") && os.Getenv("CI") == "":
		t.Skipf("no Docker engine, or no static busybox (%q): %v", busybox, err)
	case err != nil:
		t.Fatal(err)
	}
	be := docker.New(api, docker.Engine{Context: "default", Address: api.DaemonHost(), Command: []string{"docker"}})
	backendtest.Run(t, be, busybox)
}
