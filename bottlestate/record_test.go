package bottlestate_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func newStore(t *testing.T, slugs ...bottlestate.Slug) bottlestate.Store {
	t.Helper()
	// A directory that is not there yet.
	store := bottlestate.New(filepath.Join(t.TempDir(), "docker-bottle"))
	for _, slug := range slugs {
		if err := store.Create(bottlestate.Bottle{Slug: slug, Backend: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Promise 9: a record that cannot be used is a CorruptError that names the
// file, and the file is left as it is.
func TestCorrupt(t *testing.T) {
	for _, tt := range []struct{ name, file, content, want string }{
		{"newer", "bottle.json", `{"version": 2, "slug": "web"}`, "record version 2, this one knows 1"},
		{"newer with another layout", "bottle.json", `{"version": 2, "slug": {"name": "web"}}`, "update the plugin"},
		{"newer snapshot", "snapshots/1.json", `{"version": 2, "number": 1}`, "update the plugin"},
		{"not JSON", "bottle.json", "version: 1\n", "not a record of docker bottle"},
		{"cut off", "bottle.json", `{"version": 1,`, "not a record of docker bottle"},
		{"empty", "bottle.json", "", "not a record of docker bottle"},
		{"empty snapshot", "snapshots/1.json", "", "not a record of docker bottle"},
		{"no object", "bottle.json", `[1]`, "not a record of docker bottle"},
		{"null", "bottle.json", `null`, "it has no version"},
		{"no version", "bottle.json", `{"slug": "web"}`, "it has no version"},
		{"negative version", "bottle.json", `{"version": -1, "slug": "web"}`, "it has no version"},
		{"another bottle", "bottle.json", `{"version": 1, "slug": "api"}`, `it is the record of bottle "api"`},
		{"no slug", "bottle.json", `{"version": 1}`, `it is the record of bottle ""`},
		{"another snapshot", "snapshots/1.json", `{"version": 1, "number": 2}`, "it is the record of snapshot 2"},
		{"wrong type", "bottle.json", `{"version": 1, "slug": "web", "env": "A=1"}`, "env"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore(t, "web")
			path := filepath.Join(store.Dir("web"), tt.file)
			write(t, path, tt.content)
			_, err := store.Bottle("web")
			if strings.HasPrefix(tt.file, "snapshots/") {
				_, err = store.Snapshot("web", 1)
			}
			var corrupt *bottlestate.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Path != path || corrupt.Slug != "web" {
				t.Fatalf("got %v, want a CorruptError of %s", err, path)
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want the path and %q", err, tt.want)
			}
			if got := read(t, path); got != tt.content {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}

// Fields of another version, at any depth, survive a rewrite by this one, and
// a field that this version empties is empty.
func TestUpdateKeepsUnknown(t *testing.T) {
	store := newStore(t, "web")
	path := filepath.Join(store.Dir("web"), "bottle.json")
	write(t, path, `{
		"version": 1, "slug": "web", "backend": "test", "created": "2026-01-02T03:04:05Z",
		"env": ["A=<1>"], "remove": true,
		"later": {"deep": [1, {"er": null}], "big": 9007199254740993}, "flag": false
	}`)
	b, err := store.Bottle("web")
	if err != nil {
		t.Fatal(err)
	}
	b.Env, b.Remove, b.Secrets = nil, false, []string{"TOKEN"}
	if err := store.Update(b); err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(read(t, path)), &got); err != nil {
		t.Fatal(err)
	}
	compact := map[string]string{}
	for name, value := range got {
		compact[name] = strings.Join(strings.Fields(string(value)), "")
	}
	want := map[string]string{
		"version": "1", "slug": `"web"`, "backend": `"test"`, "created": `"2026-01-02T03:04:05Z"`,
		"secrets": `["TOKEN"]`,
		"later":   `{"deep":[1,{"er":null}],"big":9007199254740993}`, "flag": "false",
	}
	if !reflect.DeepEqual(compact, want) {
		t.Errorf("got  %v\nwant %v", compact, want)
	}
}

// What is recorded may hold values of -e: it is for the user's eyes alone,
// also after a rewrite of a file that was opened up.
func TestModes(t *testing.T) {
	store := newStore(t, "web")
	number, err := store.Reserve("web")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(store.Dir("web"), "bottle.json")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		store.Record("web", bottlestate.Snapshot{Number: number}),
		store.Preserve("web"),
		store.SetRun("web", "run"),
		store.Update(bottlestate.Bottle{Slug: "web"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	err = filepath.WalkDir(filepath.Dir(filepath.Dir(store.Dir("web"))), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != 6 {
		t.Errorf("%d files, want bottle.json, head, preserved, run, a snapshot and its reservation", files)
	}
}

// Promise 7: what a crash in the middle of a write has left behind is in
// nobody's way.
func TestCrashLeftovers(t *testing.T) {
	store := newStore(t, "web")
	dir := store.Dir("web")
	for _, file := range []string{".tmp-bottle.json123", ".tmp-head1", "snapshots/.tmp-1.json99", "snapshots/.tmp-7.json"} {
		write(t, filepath.Join(dir, file), `{"ver`)
	}
	if b, err := store.Bottle("web"); err != nil || b.Backend != "test" {
		t.Errorf("bottle: %+v, %v", b, err)
	}
	if snaps, bad, err := store.Snapshots("web"); len(snaps)+len(bad) != 0 || err != nil {
		t.Errorf("snapshots: %v, %v, %v", snaps, bad, err)
	}
	number, err := store.Reserve("web")
	if err != nil || number != 1 {
		t.Fatalf("reserved %d, %v", number, err)
	}
	if err := store.Record("web", bottlestate.Snapshot{Number: number}); err != nil {
		t.Fatal(err)
	}
	if head, err := store.Head("web"); err != nil || head.Number != 1 {
		t.Errorf("head: %+v, %v", head, err)
	}
	if err := store.Update(bottlestate.Bottle{Slug: "web", Backend: "other"}); err != nil {
		t.Error(err)
	}
}
