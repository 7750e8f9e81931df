package docker

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func TestTmpfs(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"/run"}, map[string]string{"/run": ""}},
		{[]string{"/run:size=1m,mode=1777", "/tmp:uid=1:odd"}, map[string]string{"/run": "size=1m,mode=1777", "/tmp": "uid=1:odd"}},
		{[]string{"/run:size=1m", "/run:size=2m"}, map[string]string{"/run": "size=2m"}},
	} {
		if got := tmpfs(tt.in); !maps.Equal(got, tt.want) {
			t.Errorf("tmpfs(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// A container is a bottle's by its own name, not by one that a link gives it.
func TestContainerName(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{[]string{"/bottle-web"}, "bottle-web"},
		{[]string{"bottle-web"}, "bottle-web"},
		{[]string{"/db/link", "/bottle-web"}, "bottle-web"},
		{[]string{"/my-bottle-web"}, "my-bottle-web"},
		{[]string{"/db/bottle-web"}, "id"},
		{nil, "id"},
	} {
		if got := containerName(container.Summary{ID: "id", Names: tt.names}); got != tt.want {
			t.Errorf("containerName(%q) = %q, want %q", tt.names, got, tt.want)
		}
	}
}

// Promises 3 and 5: a snapshot's labels hold what its record can be made from,
// its command is the agent's, and neither env nor the container's own label
// gets into it.
func TestSnapshotConfig(t *testing.T) {
	for _, tt := range []struct {
		name                string
		entrypoint, command []string
		wantCmd             []string
	}{
		{"both", []string{"tini", "--"}, []string{"claude"}, []string{"claude"}},
		{"entrypoint alone", []string{"claude"}, nil, nil},
		{"command alone", nil, []string{"sh", "-c", `echo "$HOME"`}, []string{"sh", "-c", `echo "$HOME"`}},
		{"neither", nil, nil, []string{"/bin/sh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := time.Now().Add(-time.Second)
			message := "tests \"green\"\n\\ $HOME"
			got := snapshotConfig(bottlestate.Bottle{
				Slug:       "web",
				Entrypoint: tt.entrypoint,
				Command:    tt.command,
				Continue:   "claude --continue",
				Env:        []string{"A=1"},
				Secrets:    []string{"TOKEN"},
			}, backends.FreezeOptions{Number: 3, Parent: 2, Message: message})
			created, err := time.Parse(time.RFC3339Nano, got.Labels["io.github.docker-bottle.snapshot.created"])
			if err != nil || created.Before(before) || created.After(time.Now()) {
				t.Errorf("created: %v, %v", created, err)
			}
			delete(got.Labels, "io.github.docker-bottle.snapshot.created")
			want := &container.Config{
				Entrypoint: tt.entrypoint,
				Cmd:        tt.wantCmd,
				Labels: map[string]string{
					"io.github.docker-bottle.bottle":             "",
					"io.github.docker-bottle.agent.continue":     "claude --continue",
					"io.github.docker-bottle.snapshot.bottle":    "web",
					"io.github.docker-bottle.snapshot.number":    "3",
					"io.github.docker-bottle.snapshot.parent":    "2",
					"io.github.docker-bottle.snapshot.message":   message,
					"io.github.docker-bottle.snapshot.compacted": "",
				},
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// Promise 6: every volume, bind mount and tmpfs is named, in an order that
// does not change; a volume by its name, not by the engine's path of it.
func TestMounts(t *testing.T) {
	got := mounts(container.InspectResponse{
		Mounts: []container.MountPoint{
			{Type: mount.TypeVolume, Name: "cache", Source: "/var/lib/docker/volumes/cache/_data", Destination: "/z"},
			{Type: mount.TypeBind, Source: "/home/me/src", Destination: "/src"},
		},
		HostConfig: &container.HostConfig{Tmpfs: map[string]string{"/run": "size=1m", "/a": ""}},
	})
	want := []bottlestate.Mount{
		{Type: "tmpfs", Target: "/a"},
		{Type: "tmpfs", Target: "/run"},
		{Type: "bind", Source: "/home/me/src", Target: "/src"},
		{Type: "volume", Source: "cache", Target: "/z"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Promise 1: the export hint goes to the engine that has the snapshot.
func TestExportCommand(t *testing.T) {
	snap := bottlestate.Snapshot{Number: 3, Reference: backends.SnapshotRef("web", 3)}
	for _, tt := range []struct {
		command []string
		want    string
	}{
		{[]string{"docker"}, "docker save -o web-3.tar docker-bottle/web:3"},
		{[]string{"docker", "-H", "tcp://prod"}, "docker -H tcp://prod save -o web-3.tar docker-bottle/web:3"},
		{[]string{"docker", "--config", "my dir"}, "docker --config 'my dir' save -o web-3.tar docker-bottle/web:3"},
	} {
		be := New(nil, Engine{Command: tt.command})
		if got := be.ExportCommand(bottlestate.Bottle{Slug: "web"}, snap); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.command, got, tt.want)
		}
	}
}
