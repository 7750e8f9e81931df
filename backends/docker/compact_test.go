package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/docker"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// containerdStore is an engine that says that it has containerd's image store.
type containerdStore struct{ client.APIClient }

func (c containerdStore) Info(ctx context.Context, opts client.InfoOptions) (client.SystemInfoResult, error) {
	res, err := c.APIClient.Info(ctx, opts)
	res.Info.DriverStatus = append(res.Info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
	return res, err
}

// What a shell in a bottle cannot make or see is the same in a compacted
// snapshot too: file capabilities, devices, times of
// directories. Both ways of making one are tried.
func TestCompactTree(t *testing.T) {
	api := engine(t)
	for _, tt := range []struct {
		name string
		api  client.APIClient
	}{{"stream", api}, {"archive", containerdStore{api}}} {
		t.Run(tt.name, func(t *testing.T) {
			be := docker.New(tt.api, docker.Engine{})
			b := bottlestate.Bottle{Slug: bottlestate.Slug("ct" + strings.ToLower(rand.Text()[:8])), Command: []string{"/bin/true"}}
			image := importTree(t, api)
			var snaps []bottlestate.Snapshot
			t.Cleanup(func() {
				ctx := context.WithoutCancel(t.Context())
				errs := []error{be.Remove(ctx, b, true)}
				for _, snap := range snaps {
					errs = append(errs, be.RemoveArtifact(ctx, snap))
				}
				// The imported one is gone with the last that stands on it.
				if err := errors.Join(append(errs, be.RemoveCaches(ctx, b))...); err != nil {
					t.Errorf("cleaning up: %v", err)
				}
			})
			if err := be.Create(t.Context(), b, image); err != nil {
				t.Fatal(err)
			}
			art, err := be.Freeze(t.Context(), b, backends.FreezeOptions{Number: 1})
			if err != nil {
				t.Fatal(err)
			}
			snaps = append(snaps, bottlestate.Snapshot{Reference: art.Reference, Digest: art.Digest})
			art, err = be.Compact(t.Context(), b, snaps[0], backends.FreezeOptions{Number: 2, Parent: 1})
			if err != nil {
				t.Fatal(err)
			}
			snaps = append(snaps, bottlestate.Snapshot{Reference: art.Reference, Digest: art.Digest})
			want, got := export(t, api, snaps[0].Reference), export(t, api, snaps[1].Reference)
			if !slices.Equal(got, want) {
				t.Errorf("got the tree\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for _, entry := range []string{
				`"./capable" 0 4755 0:0 946684800 "" 0,0 security.capability=` + fmt.Sprintf("%q", capability),
				`"./caf\xe9\xff" 0 600 0:0 946684800 `,
				`"./null" 3 600 0:0 946684800 "" 1,3`,
				`"./dir/" 5 2770 0:0 946684800 `,
			} {
				if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, entry) }) {
					t.Errorf("the tree has no %s:\n%s", entry, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// capability is cap_net_raw, permitted and effective.
const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// importTree makes an image of what is hard to copy.
func importTree(t *testing.T, api client.APIClient) (id string) {
	t.Helper()
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "capable", Mode: 0o4755, Size: 4, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": capability}},
		{Typeflag: tar.TypeReg, Name: "caf\xe9\xff", Mode: 0o600, Size: 4, Format: tar.FormatGNU},
		{Typeflag: tar.TypeChar, Name: "null", Mode: 0o600, Devmajor: 1, Devminor: 3},
		{Typeflag: tar.TypeDir, Name: "dir/", Mode: 0o2770},
		{Typeflag: tar.TypeLink, Name: "dir/hard", Linkname: "capable", Mode: 0o4755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": capability}},
	} {
		h.ModTime = time.Unix(946684800, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, strings.NewReader("text"), h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: &tree, SourceName: "-"}, "", client.ImageImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	var m struct{ Status, Error string }
	for dec := json.NewDecoder(res); ; id = m.Status {
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return id
		} else if err != nil || m.Error != "" {
			t.Fatal(err, m.Error)
		}
	}
}

// export lists the tree of an image, without what the engine puts into every
// container of it, and has changed there on the way.
func export(t *testing.T, api client.APIClient, ref string) (lines []string) {
	t.Helper()
	ctr, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: ref}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, err := api.ContainerRemove(context.WithoutCancel(t.Context()), ctr.ID, client.ContainerRemoveOptions{Force: true})
		if err != nil {
			t.Error(err)
		}
	}()
	// Not an export, which has no root directory.
	res, err := api.CopyFromContainer(t.Context(), ctr.ID, client.CopyFromContainerOptions{SourcePath: "/."})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Content.Close()
	for r := tar.NewReader(res.Content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(lines)
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		modified := fmt.Sprint(h.ModTime.Unix(), " ")
		name, _, _ := strings.Cut(strings.TrimPrefix(h.Name, "./"), "/")
		switch name {
		case "", "dev", "etc", "proc", "sys", ".dockerenv", strings.Trim(backends.RunDir, "/"):
			modified = ""
		}
		line := fmt.Sprintf("%q %c %o %d:%d %s%q %d,%d ", h.Name, h.Typeflag, h.Mode&0o7777, h.Uid, h.Gid, modified, h.Linkname, h.Devmajor, h.Devminor)
		for key, value := range h.PAXRecords {
			if attr, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
				line += fmt.Sprintf("%s=%q ", attr, value)
			}
		}
		lines = append(lines, line+fmt.Sprintf("%x", sum.Sum(nil)[:8]))
	}
}

// engine is the one of $DOCKER_HOST, or the local one.
func engine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil && os.Getenv("CI") == "" {
		t.Skipf("no Docker engine: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return api
}
