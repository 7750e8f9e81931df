package bottle_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// surveys is an engine that only says what it holds, and counts how often.
type surveys struct {
	backends.Backend // anything else would panic
	answers          []backends.Holdings
	asked            *int
	err              error
}

func (e surveys) Name() string               { return "test" }
func (e surveys) Endpoint() (string, string) { return "default", "unix:///engine" }
func (e surveys) Survey(context.Context) (backends.Holdings, error) {
	held := e.answers[min(*e.asked, len(e.answers)-1)]
	*e.asked++
	return held, e.err
}

// kept is a store and an engine that agree on bottles of five snapshots each.
func kept(t *testing.T, bottles int) (store bottlestate.Store, held backends.Holdings) {
	t.Helper()
	store = bottlestate.New(t.TempDir())
	for i := range bottles {
		b := web
		b.Slug = bottlestate.Slug(fmt.Sprintf("web-%d", i))
		if err := store.Create(b); err != nil {
			t.Fatal(err)
		}
		held.Bottles = append(held.Bottles, backends.HeldBottle{Slug: b.Slug})
		for n := 1; n <= 5; n++ {
			ref := backends.SnapshotRef(b.Slug, n)
			if err := store.Record(b.Slug, bottlestate.Snapshot{Number: n, Reference: ref, Digest: "sha256:" + ref}); err != nil {
				t.Fatal(err)
			}
			held.Snapshots = append(held.Snapshots, backends.HeldSnapshot{Slug: b.Slug, Number: n, Reference: ref, Digest: "sha256:" + ref})
		}
	}
	return store, held
}

func examine(t *testing.T, store bottlestate.Store, answers ...backends.Holdings) (bottle.Report, int) {
	t.Helper()
	asked := 0
	registry := backends.Registry{"test": func() (backends.Backend, error) { return surveys{answers: answers, asked: &asked}, nil }}
	t.Setenv("TMPDIR", t.TempDir())
	report, err := bottle.Doctor(t.Context(), registry, store, bottle.DoctorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return report, asked
}

// However much there is, an engine is asked once; and once more if something
// seems to be wrong.
func TestDoctorAsks(t *testing.T) {
	store, held := kept(t, 20)
	report, asked := examine(t, store, held)
	if len(report.Findings) != 0 || report.Bottles != 20 || report.Snapshots != 100 || asked != 1 {
		t.Errorf("asked %d times, got %+v", asked, report)
	}
	held.Snapshots = held.Snapshots[50:]
	report, asked = examine(t, store, held)
	if len(report.Findings) != 50 || asked != 2 {
		t.Errorf("asked %d times, got %d findings", asked, len(report.Findings))
	}
}

// What a prune has put aside is in the way of the next one, and of rm, if it
// cannot be read. Without its image it is of no use.
func TestDoctorRetired(t *testing.T) {
	store, held := kept(t, 1)
	if err := store.Retire("web-0", 1); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(store.Dir("web-0"), "snapshots", "1.retired")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	held.Snapshots = held.Snapshots[1:]
	report, _ := examine(t, store, held)
	if len(report.Findings) != 1 || report.Findings[0].Kind != bottle.Unreadable || report.Findings[0].Command != bottle.PutAside(path) {
		t.Errorf("got %+v, want %s alone", report.Findings, path)
	}
}

// Promise 7: what another command is in the middle of is no finding, whether it
// is still at it or has just ended.
func TestDoctorAtWork(t *testing.T) {
	store, held := kept(t, 2)
	before := held
	before.Snapshots = slices.Clone(held.Snapshots)
	before.Snapshots = append(before.Snapshots, backends.HeldSnapshot{Slug: "web-0", Number: 6, Parent: 5, Reference: "r", Digest: "d"})
	if report, _ := examine(t, store, before); len(report.Findings) != 1 || report.Findings[0].Kind != bottle.Unrecorded {
		t.Errorf("nobody is at work: %+v", report.Findings)
	}
	if report, _ := examine(t, store, before, held); len(report.Findings) != 0 {
		t.Errorf("it has been undone: %+v", report.Findings)
	}
	unlock, err := store.Lock(t.Context(), "web-0")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if report, _ := examine(t, store, before); len(report.Findings) != 0 {
		t.Errorf("somebody is at work: %+v", report.Findings)
	}
}

// An engine that does not answer makes none of its snapshots missing. One that
// is not installed is a finding where there are bottles of it.
func TestDoctorUnavailable(t *testing.T) {
	store, held := kept(t, 1)
	for _, err := range []error{errors.New("no answer"), backends.ErrNotInstalled} {
		for _, store := range []bottlestate.Store{store, bottlestate.New(t.TempDir())} {
			asked := 0
			registry := backends.Registry{"test": func() (backends.Backend, error) {
				return surveys{answers: []backends.Holdings{held}, asked: &asked, err: err}, nil
			}}
			report, doctorErr := bottle.Doctor(t.Context(), registry, store, bottle.DoctorOptions{Only: []bottlestate.Slug{"web-0"}})
			if doctorErr != nil {
				t.Fatal(doctorErr)
			}
			slugs, _ := store.Slugs()
			want := len(slugs) > 0 || !errors.Is(err, backends.ErrNotInstalled)
			if (len(report.Findings) == 1) != want || want && report.Findings[0].Kind != bottle.Unavailable {
				t.Errorf("%v, with %d bottles: %+v", err, len(slugs), report.Findings)
			}
		}
	}
}
