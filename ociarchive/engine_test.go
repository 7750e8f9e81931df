package ociarchive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// newEngine returns a client of the Docker engine. With CI set, one that does
// not answer is a failure.
func newEngine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err == nil {
		t.Cleanup(func() { api.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = api.Ping(ctx, client.PingOptions{})
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("no Docker engine: %v", err)
	default:
		t.Skipf("no Docker engine: %v", err)
	}
	return api
}

// TestEngine loads an archive into an engine, and has it say what is in it.
func TestEngine(t *testing.T) {
	api := newEngine(t)
	image := testImage()
	image.Reference = "docker-bottle-test/t" + strings.ToLower(rand.Text()[:8]) + ":1"
	image.Platform = enginePlatform(t, api)
	in := nasty()

	f := createArchive(t)
	sum, err := ociarchive.Write(t.Context(), f, bytes.NewReader(tree(t, in...)), image, ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	load(t, api, f, image.Reference)

	got, err := api.ImageInspect(t.Context(), image.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != sum.Config.String() && got.ID != sum.Manifest.String() {
		t.Errorf("the image is %s, want %s or, in a containerd store, %s", got.ID, sum.Config, sum.Manifest)
	}
	if !reflect.DeepEqual(got.RootFS.Layers, []string{sum.Layer.String()}) {
		t.Errorf("layers %q, want %s", got.RootFS.Layers, sum.Layer)
	}
	if got.Os != image.Platform.OS || got.Architecture != image.Platform.Architecture || got.Variant != image.Platform.Variant {
		t.Errorf("platform %s/%s/%s, want %+v", got.Os, got.Architecture, got.Variant, image.Platform)
	}
	if got.Created != image.Created.Format(time.RFC3339Nano) || got.Author != image.Author {
		t.Errorf("created %s by %q", got.Created, got.Author)
	}
	if gotConfig, want := asJSON(t, got.Config), asJSON(t, image.Config); gotConfig != want {
		t.Errorf("config\n got %s\nwant %s", gotConfig, want)
	}
	history, err := api.ImageHistory(t.Context(), image.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if h := history.Items; len(h) != 2 || h[0].Comment != image.Comment || h[1].CreatedBy != image.History[0].CreatedBy {
		t.Errorf("history %+v", h)
	}

	compareExport(t, files(t, export(t, api, image.Reference)), in)
}

// export returns the tree of a container of the image, which is removed after
// the test.
func export(t *testing.T, api *client.Client, ref string) io.Reader {
	t.Helper()
	created, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: ref, Labels: map[string]string{"io.github.docker-bottle.test": t.Name()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := api.ContainerRemove(context.Background(), created.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	})
	export, err := api.ContainerExport(t.Context(), created.ID, client.ContainerExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { export.Close() })
	return export
}

// TestEngineConvert has an engine load what was converted, and converts what
// the engine saves of it.
func TestEngineConvert(t *testing.T) {
	api := newEngine(t)
	in := nasty()
	platform := enginePlatform(t, api)
	unique := tree(t, reg("mark", rand.Text()))
	image := newSaved(t, platform.Architecture, tree(t, in...), unique, unique)
	in = append(in, files(t, bytes.NewReader(unique))...)
	b := blobs{}
	archive := createArchive(t)
	layout := b.layout(t, b.add(ocispec.MediaTypeImageIndex, index(t, b.attestation(t), b.image(t, image))))
	if _, err := ociarchive.Convert(t.Context(), archive, bytes.NewReader(tree(t, layout...)), platform.Architecture, "User"); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	config, err := judge(t, archive).ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	load(t, api, archive, config.String())

	got, err := api.ImageInspect(t.Context(), config.String())
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Config; c == nil || c.User != "" || c.WorkingDir != "/work" || !reflect.DeepEqual(c.Entrypoint, []string{"/bin/init", "--"}) || c.Healthcheck == nil {
		t.Errorf("config %+v", c)
	}
	compareExport(t, files(t, export(t, api, config.String())), in)

	out, err := api.ImageSave(t.Context(), []string{config.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	again := createArchive(t)
	if _, err := ociarchive.Convert(t.Context(), again, out, platform.Architecture, "User"); err != nil {
		t.Fatal(err)
	}
	if name, err := judge(t, again).ConfigName(); name != config {
		t.Errorf("saved and converted, the image is %s, %v; it was %s", name, err, config)
	}
}

// load loads an archive, to be removed after the test.
func load(t *testing.T, api *client.Client, archive io.Reader, ref string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := api.ImageRemove(context.Background(), ref, client.ImageRemoveOptions{Force: true, PruneChildren: true}); err != nil {
			t.Error(err)
		}
	})
	result, err := api.ImageLoad(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	out, err := io.ReadAll(result)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "errorDetail") || !strings.Contains(string(out), ref) {
		t.Fatalf("load says: %s", out)
	}
}

func enginePlatform(t *testing.T, api *client.Client) ocispec.Platform {
	t.Helper()
	v, err := api.ServerVersion(t.Context(), client.ServerVersionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ocispec.Platform{OS: v.Os, Architecture: v.Arch}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// compareExport compares what an engine exports with the tree that it was
// given. An engine adds files of its own, may name another of several hard
// links first, exports whole seconds, and no xattrs but capabilities; the
// root is not in its export.
func compareExport(t *testing.T, got, want []file) {
	t.Helper()
	exported := byName(got)
	original := byName(want)
	for name, w := range original {
		g, ok := exported[name]
		switch {
		case name == "." && !ok:
			continue
		case !ok:
			t.Errorf("the engine has no %q", name)
			continue
		}
		w.Name, g.Name = name, name
		g.Mode &= 0o7777 // the rest says what type of file it is, once more
		w.Time, g.Time = w.Time.Truncate(time.Second), g.Time.Truncate(time.Second)
		var kept map[string]string
		if c, ok := w.Xattrs["security.capability"]; ok {
			kept = map[string]string{"security.capability": c}
		}
		w.Xattrs = kept
		if name == "old" {
			w.Time, g.Time = time.Time{}, time.Time{} // engines make it 1970
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%q:\n got %.300q\nwant %.300q", name, asJSON(t, g), asJSON(t, w))
		}
	}
	links := firstNames(got)
	for name, to := range firstNames(want) {
		if links[name] == "" || links[name] != links[to] {
			t.Errorf("%q and %q are no longer one file: %q, %q", name, to, links[name], links[to])
		}
	}
	own := map[string]bool{
		".dockerenv": true, "dev": true, "dev/console": true, "dev/pts": true, "dev/shm": true, "proc": true, "sys": true,
		"etc": true, "etc/hostname": true, "etc/hosts": true, "etc/resolv.conf": true, "etc/mtab": true,
		"data": true, // volumes and the working directory
		"work": true,
	}
	for name := range exported {
		if _, ok := original[name]; !ok && !own[name] && !parent(original, name) {
			t.Errorf("the engine has %q as well", name)
		}
	}
}

// byName returns files by their clean names. Hard links are returned as the
// files that they are links to.
func byName(list []file) map[string]file {
	m := map[string]file{}
	for _, f := range list {
		name := path.Clean(f.Name)
		if f.Type == tar.TypeLink {
			f = m[path.Clean(f.Link)]
		}
		m[name] = f
	}
	return m
}

// firstNames returns, for all that have or are hard links, the name that comes
// first in the tar.
func firstNames(list []file) map[string]string {
	m := map[string]string{}
	for _, f := range list {
		if f.Type == tar.TypeLink {
			to := path.Clean(f.Link)
			m[path.Clean(f.Name)], m[to] = to, to
		}
	}
	return m
}

// parent reports whether a directory had to be made for a file.
func parent(files map[string]file, dir string) bool {
	for name := range files {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}
