package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// pack makes a tar stream; the name of an entry is its content.
func pack(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = h.Name
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

// A workspace gets below /work and belongs to the image's user, all of it: a
// hard link follows its target there, a symbolic link is left as it is, and
// content, modes and times are those of the original.
func TestOwn(t *testing.T) {
	long, longest := strings.Repeat("l", 98), strings.Repeat("d/", 124)+"file"
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tree := pack(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "sub/", Mode: 0o1777, Uid: 501, Gid: 20, Uname: "me", Gname: "staff", ModTime: modified},
		tar.Header{Typeflag: tar.TypeReg, Name: "sub/file", Mode: 0o4755, Uid: 501, Gid: 20, Uname: "me", Gname: "staff", ModTime: modified},
		tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "sub/file"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "relative", Linkname: "sub/file"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "absolute", Linkname: "/etc/passwd"},
		// These fit into the oldest format, and no longer do below /work.
		tar.Header{Typeflag: tar.TypeReg, Name: long},
		tar.Header{Typeflag: tar.TypeLink, Name: "long", Linkname: long},
		tar.Header{Typeflag: tar.TypeReg, Name: longest},
		tar.Header{Typeflag: tar.TypeReg, Name: "ünïcode", PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}},
	)
	const uid, gid = 3_000_000, 4_000_000 // more than the oldest format can hold
	var out bytes.Buffer
	if err := own(&out, tree, uid, gid); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(out.Bytes(), make([]byte, 1024)) {
		t.Error("the stream has no end")
	}
	type entry struct {
		kind       byte
		link, text string
	}
	got := map[string]entry{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != uid || h.Gid != gid || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s belongs to %d %q, %d %q", h.Name, h.Uid, h.Uname, h.Gid, h.Gname)
		}
		switch h.Name {
		case "work/":
			if h.Mode != 0o755 || len(got) > 0 {
				t.Errorf("%s: mode %o after %d entries, want 755 and the first", h.Name, h.Mode, len(got))
			}
		case "work/sub/", "work/sub/file":
			if want := map[string]int64{"work/sub/": 0o1777, "work/sub/file": 0o4755}[h.Name]; h.Mode != want || !h.ModTime.Equal(modified) {
				t.Errorf("%s: mode %o of %v, want %o of %v", h.Name, h.Mode, h.ModTime, want, modified)
			}
		case "work/ünïcode":
			if h.PAXRecords["SCHILY.xattr.user.a"] != "b" {
				t.Errorf("%s: its attributes are %v", h.Name, h.PAXRecords)
			}
		}
		got[h.Name] = entry{h.Typeflag, h.Linkname, string(data)}
	}
	want := map[string]entry{
		"work/":           {kind: tar.TypeDir},
		"work/sub/":       {kind: tar.TypeDir},
		"work/sub/file":   {tar.TypeReg, "", "sub/file"},
		"work/hard":       {tar.TypeLink, "work/sub/file", ""},
		"work/relative":   {tar.TypeSymlink, "sub/file", ""},
		"work/absolute":   {tar.TypeSymlink, "/etc/passwd", ""},
		"work/" + long:    {tar.TypeReg, "", long},
		"work/long":       {tar.TypeLink, "work/" + long, ""},
		"work/" + longest: {tar.TypeReg, "", longest},
		"work/ünïcode":    {tar.TypeReg, "", "ünïcode"},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A workspace that cannot be read to its end, or written, is not taken for one
// that has ended.
func TestOwnFails(t *testing.T) {
	whole, err := io.ReadAll(pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "file"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := own(io.Discard, io.MultiReader(bytes.NewReader(whole[:514]), broken{}), 0, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: got %v, want io.ErrUnexpectedEOF", err)
	}
	if err := own(broken{}, bytes.NewReader(whole), 0, 0); err == nil {
		t.Error("to a pipe that is closed: no error")
	}
}

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

// A container is a bottle's by its whole name, among those that it has.
func TestNamed(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  bool
	}{
		{[]string{"/bottle-web"}, true},
		{[]string{"bottle-web"}, true},
		{[]string{"/db/link", "/bottle-web"}, true},
		{[]string{"/bottle-web-2"}, false},
		{[]string{"/my-bottle-web"}, false},
		{[]string{"/db/bottle-web"}, false},
		{nil, false},
	} {
		if got := named(tt.names, "bottle-web"); got != tt.want {
			t.Errorf("named(%q) = %v", tt.names, got)
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
					"io.github.docker-bottle.bottle":           "",
					"io.github.docker-bottle.snapshot.bottle":  "web",
					"io.github.docker-bottle.snapshot.number":  "3",
					"io.github.docker-bottle.snapshot.parent":  "2",
					"io.github.docker-bottle.snapshot.message": message,
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
	snap := bottlestate.Snapshot{Number: 3, Reference: reference("web", 3)}
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
