package smolmachines

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// engine saves one image, and fails after some bytes of it if it is to.
type engine struct {
	archive []byte
	failAt  int
	err     error
	saves   int
	mu      sync.Mutex
}

func (e *engine) Build(context.Context, bottlestate.Bottle, backends.Source, io.Writer) (backends.Image, error) {
	return backends.Image{}, errors.New("nothing is built here")
}

func (e *engine) Version(context.Context) (string, error) { return "1", nil }

func (e *engine) RemoveCaches(context.Context, bottlestate.Bottle) error { return nil }

func (e *engine) SaveImage(_ context.Context, _ backends.Image, w io.Writer) error {
	e.mu.Lock()
	e.saves++
	e.mu.Unlock()
	if e.err == nil {
		_, err := w.Write(e.archive)
		return err
	}
	if _, err := w.Write(e.archive[:e.failAt]); err != nil {
		return err
	}
	return e.err
}

// savedImage is what docker save makes of an image with a layer.
func savedImage(t *testing.T, architecture string) []byte {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": architecture,
		"config": map[string]any{"User": "dev", "Entrypoint": []string{"/e"}, "Cmd": []string{"c"}, "WorkingDir": "/w", "Env": []string{"A=1"}, "Labels": map[string]string{"kind": "agent", backends.AgentLabel + "secrets": "A"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct{ name, content string }{
		{"l/layer.tar", strings.Repeat("layer", 1000)},
		{"c.json", string(config)},
		{"manifest.json", `[{"Config":"c.json","Layers":["l/layer.tar"]}]`},
	} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var testHex = strings.Repeat("0a", 32)

func TestKeep(t *testing.T) {
	e := &engine{archive: savedImage(t, runtime.GOARCH)}
	dir := filepath.Join(t.TempDir(), "not", "yet")
	b := New(Dirs{Cache: dir})
	image := backends.Image{ID: "web:1", Digest: "sha256:" + testHex}
	kept, err := b.keep(t.Context(), e, image)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{backends.AgentLabel + "secrets": "A"}
	want := backends.Image{ID: filepath.Join(dir, testHex+".tar"), Digest: image.Digest, Entrypoint: []string{"/e"}, Command: []string{"c"}, Labels: labels}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %+v, want %+v", kept, want)
	}
	meta := imageMeta{User: "dev", WorkingDir: "/w", Env: []string{"A=1"}, Entrypoint: []string{"/e"}, Command: []string{"c"}, Labels: labels}
	info, err := os.Stat(kept.ID)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := b.readBase(kept.ID); err != nil || !reflect.DeepEqual(v, base{meta, image.Digest, info.Size()}) {
		t.Errorf("read %+v, %v", v, err)
	}

	// What is there is not saved again, unless it cannot be used.
	for _, tt := range []struct {
		name   string
		change func() error
		saves  int
	}{
		{"it is there", func() error { return nil }, 1},
		{"it has no .json", func() error { return os.Remove(filepath.Join(dir, testHex+".json")) }, 2},
		{"it has a .json that is none", func() error { return os.WriteFile(filepath.Join(dir, testHex+".json"), []byte("{"), 0o600) }, 3},
		{"it is cut off", func() error { return os.Truncate(filepath.Join(dir, testHex+".tar"), 10) }, 4},
		{"only its .json is there", func() error { return os.Remove(filepath.Join(dir, testHex+".tar")) }, 5},
	} {
		if err := tt.change(); err != nil {
			t.Fatal(err)
		}
		if again, err := b.keep(t.Context(), e, image); err != nil || !reflect.DeepEqual(again, want) || e.saves != tt.saves {
			t.Errorf("%s: %+v, %v, saved %d times, want %d", tt.name, again, err, e.saves, tt.saves)
		}
		if left := names(t, dir); !slices.Equal(left, []string{testHex + ".json", testHex + ".tar"}) {
			t.Errorf("%s: there is %q", tt.name, left)
		}
	}
}

// Another file takes the place of an archive: smolvm may have a link to it.
func TestKeepRenames(t *testing.T) {
	dir := t.TempDir()
	b := New(Dirs{Cache: dir})
	archive := writeFile(t, filepath.Join(dir, testHex+".tar"), "as it was")
	link := filepath.Join(dir, "link")
	if err := os.Link(archive, link); err != nil {
		t.Fatal(err)
	}
	if _, err := b.keep(t.Context(), &engine{archive: savedImage(t, runtime.GOARCH)}, backends.Image{Digest: "sha256:" + testHex}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(link); string(data) != "as it was" {
		t.Errorf("the link leads to %.20q, %v", data, err)
	}
}

// Of a save that fails nothing is left.
func TestKeepFails(t *testing.T) {
	other := "s390x"
	whole := savedImage(t, runtime.GOARCH)
	gone := errors.New("the engine went away")
	for _, tt := range []struct {
		name   string
		source *engine
		digest string
		want   error
		text   string
	}{
		{"before it began", &engine{archive: whole, err: gone}, "sha256:" + testHex, gone, "saving image web:1"},
		{"in a header", &engine{archive: whole, failAt: 100, err: gone}, "sha256:" + testHex, gone, "saving image web:1"},
		{"in a layer", &engine{archive: whole, failAt: 2000, err: gone}, "sha256:" + testHex, gone, "saving image web:1"},
		{"in a config", &engine{archive: whole, failAt: 512 + 5120 + 512 + 10, err: gone}, "sha256:" + testHex, gone, "saving image web:1"},
		{"for another machine", &engine{archive: savedImage(t, other)}, "sha256:" + testHex, ociarchive.ErrPlatform, other},
		{"cut off", &engine{archive: whole[:2000]}, "sha256:" + testHex, io.ErrUnexpectedEOF, "saving image web:1"},
		{"no digest", &engine{archive: whole}, "", nil, "no digest that can be a name"},
		{"a digest that leads elsewhere", &engine{archive: whole}, "sha256:../../" + testHex, nil, "no digest that can be a name"},
		{"a digest with more", &engine{archive: whole}, "sha256:" + testHex + "\n", nil, "no digest that can be a name"},
	} {
		dir := t.TempDir()
		b := New(Dirs{Cache: dir})
		image, err := b.keep(t.Context(), tt.source, backends.Image{ID: "web:1", Digest: tt.digest})
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %+v, %v; want %v, %q", tt.name, image, err, tt.want, tt.text)
		}
		if left := names(t, dir); left != nil {
			t.Errorf("%s: left %q", tt.name, left)
		}
	}
}

func TestKeepCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := New(Dirs{Cache: dir}).keep(ctx, &engine{archive: savedImage(t, runtime.GOARCH)}, backends.Image{Digest: "sha256:" + testHex})
	if !errors.Is(err, context.Canceled) || names(t, dir) != nil {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
}

// Several at once are all right, and one of their archives stays.
func TestKeepAtOnce(t *testing.T) {
	dir := t.TempDir()
	e := &engine{archive: savedImage(t, runtime.GOARCH)}
	image := backends.Image{Digest: "sha256:" + testHex}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if kept, err := New(Dirs{Cache: dir}).keep(t.Context(), e, image); err != nil || kept.Command == nil {
				t.Errorf("%+v, %v", kept, err)
			}
		})
	}
	wg.Wait()
	if left := names(t, dir); !slices.Equal(left, []string{testHex + ".json", testHex + ".tar"}) {
		t.Errorf("there is %q", left)
	}
	one := t.TempDir()
	if _, err := New(Dirs{Cache: one}).keep(t.Context(), e, image); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{testHex + ".json", testHex + ".tar"} {
		got, gotErr := os.ReadFile(filepath.Join(dir, name))
		want, err := os.ReadFile(filepath.Join(one, name))
		if !bytes.Equal(got, want) || gotErr != nil || err != nil {
			t.Errorf("%s is not that of one alone: %v, %v", name, gotErr, err)
		}
	}
}

func TestBuilt(t *testing.T) {
	dir := t.TempDir()
	b := New(Dirs{Cache: dir})
	if _, _, _, ok := b.built("k"); ok {
		t.Error("built before it was")
	}
	archive := filepath.Join(dir, testHex+".tar")
	if err := b.remember("k", archive); err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok := b.built("k"); ok {
		t.Error("built, and there is no image")
	}
	if _, err := b.keep(t.Context(), &engine{archive: savedImage(t, runtime.GOARCH)}, backends.Image{Digest: "sha256:" + testHex}); err != nil {
		t.Fatal(err)
	}
	// What is used does not grow old.
	for _, name := range []string{"k.built", testHex + ".json"} {
		age(t, filepath.Join(dir, name), unused+time.Hour)
	}
	found, v, old, ok := b.built("k")
	if found != archive || v.Digest != "sha256:"+testHex || !ok || old < 0 || old > time.Minute {
		t.Errorf("built %s, %+v, %v", found, v, ok)
	}
	b.sweepCache(time.Now())
	if left := names(t, dir); !slices.Equal(left, []string{testHex + ".json", testHex + ".tar", "k.built"}) {
		t.Errorf("there is %q", left)
	}
}

// age makes a file as old as that.
func age(t *testing.T, path string, d time.Duration) {
	t.Helper()
	then := time.Now().Add(-d)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func TestSweepCache(t *testing.T) {
	dir := t.TempDir()
	const hour = time.Hour
	var want []string
	for _, f := range []struct {
		name string
		age  time.Duration
		kept bool
	}{
		{"used.tar", 10 * unused, true}, // its .json says when it was used
		{"used.json", unused - hour, true},
		{"old.tar", 0, false},
		{"old.json", unused + hour, false},
		{"alone.json", unused + hour, false},
		{"used.built", unused - hour, true},
		{"old.built", unused + hour, false},
		{"begun.tar", abandoned - hour, true}, // its .json is about to be written
		{"lost.tar", abandoned + hour, false},
		{".tmp-1", abandoned - hour, true},
		{".tmp-2", abandoned + hour, false},
		{".tmp-a.json1", abandoned + hour, false},
		{".tmp-a.built2", abandoned - hour, true},
		{"notes.txt", 10 * unused, true},
		{"noextension", 10 * unused, true},
		{"later.json", -hour, true}, // as of a clock that was wrong
	} {
		age(t, writeFile(t, filepath.Join(dir, f.name)), f.age)
		if f.kept {
			want = append(want, f.name)
		}
	}
	full := filepath.Join(dir, "full.json")
	if err := os.MkdirAll(filepath.Join(full, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	age(t, full, 10*unused)
	b := New(Dirs{Cache: dir})
	b.sweepCache(time.Now())
	want = append(want, "full.json")
	slices.Sort(want)
	if left := names(t, dir); !slices.Equal(left, want) {
		t.Errorf("there is %q\nwant     %q", left, want)
	}
	New(Dirs{Cache: filepath.Join(dir, "none")}).sweepCache(time.Now())
	if left := names(t, dir); !slices.Equal(left, want) {
		t.Errorf("after a sweep of nothing there is %q", left)
	}
}
