package bottle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// surveyed is an engine of which a test says what it holds, and when it was
// made.
type surveyed struct {
	*engine
	booted time.Time // when the container was made, if there is one
	at     map[int]time.Time
}

func (e surveyed) RecallBottle(_ context.Context, slug bottlestate.Slug, snap *bottlestate.Snapshot) (bottlestate.Bottle, []string, error) {
	b := bottlestate.Bottle{Slug: slug, Backend: e.Name(), Command: []string{"agent"}, Created: e.booted}
	b.Context, b.Endpoint = e.Endpoint()
	if e.booted.IsZero() && snap == nil {
		return b, nil, backends.ErrNotFound
	} else if e.booted.IsZero() {
		b.Created = snap.Created
	}
	return b, nil, nil
}

func (e surveyed) RecallSnapshot(_ context.Context, held backends.HeldSnapshot) (bottlestate.Snapshot, error) {
	if e.at[held.Number].IsZero() {
		return bottlestate.Snapshot{}, fmt.Errorf("%s: %w", held.Reference, backends.ErrNotFound)
	}
	return bottlestate.Snapshot{Number: held.Number, Parent: held.Parent, Reference: held.Reference, Digest: held.Digest, Created: e.at[held.Number], Backend: e.Name()}, nil
}

func (e surveyed) Mounts(context.Context, bottlestate.Bottle) ([]bottlestate.Mount, error) {
	return nil, nil
}

func minute(n int) time.Time { return time.Date(2026, 1, 2, 3, n, 0, 0, time.UTC) }

// lost is what an engine holds of a bottle whose snapshots were made at these
// minutes, each from the one before, and whose container was made from from.
func lost(from string, booted int, made ...int) (surveyed, backends.Holdings) {
	e := surveyed{engine: newEngine(), at: map[int]time.Time{}}
	var held backends.Holdings
	if booted > 0 {
		e.booted = minute(booted)
		held.Bottles = []backends.HeldBottle{{Slug: "web", From: from}}
	}
	for i, at := range made {
		e.at[i+1] = minute(at)
		held.Snapshots = append(held.Snapshots, backends.HeldSnapshot{Slug: "web", Number: i + 1, Parent: i, Reference: fmt.Sprintf("web:%d", i+1), Digest: fmt.Sprintf("sha256:%d", i+1)})
	}
	held.Caches = []backends.HeldCache{{Slug: "web", Name: "web:base", Digest: "sha256:b"}}
	return e, held
}

// Promise 3: the head is the newest snapshot that was made of the container, or
// else the one that this was booted from.
func TestAdoptHead(t *testing.T) {
	for _, tt := range []struct {
		about  string
		from   string
		booted int
		made   []int
		want   int
	}{
		{"never committed", "web:base", 1, nil, 0},
		{"committed since it was built", "sha256:b", 1, []int{2, 3}, 2},
		{"no container", "", 0, []int{2, 3}, 2},
		{"booted from the newest", "web:2", 4, []int{2, 3}, 2},
		{"gone back", "web:1", 4, []int{2, 3}, 1},
		{"gone back, by digest", "sha256:1", 4, []int{2, 3}, 1},
		{"committed since it went back", "web:1", 4, []int{2, 3, 5}, 3},
		{"built anew", "web:base", 4, []int{2, 3}, 0},
		{"built anew and committed", "web:base", 4, []int{2, 3, 5}, 3},
		{"made from something else", "sha256:?", 4, []int{2, 3}, 2},
	} {
		t.Run(tt.about, func(t *testing.T) {
			e, held := lost(tt.from, tt.booted, tt.made...)
			store := bottlestate.New(t.TempDir())
			done, err := bottle.Adopt(t.Context(), e, store, held, "web", bottle.AdoptOptions{})
			if err != nil || done.Head != tt.want || !done.New || len(done.Snapshots) != len(tt.made) {
				t.Fatalf("got %+v, %v; want head %d", done, err, tt.want)
			}
			head, err := store.Head("web")
			if head.Number != tt.want || (tt.want == 0) != errors.Is(err, bottlestate.ErrNotFound) {
				t.Errorf("the head is %d, %v; want %d", head.Number, err, tt.want)
			}
			if b, err := store.Bottle("web"); err != nil || !slices.Equal(b.Argv(), []string{"agent"}) || b.Created.IsZero() {
				t.Errorf("recorded as %+v, %v", b, err)
			}
			if preserved, err := store.Preserved("web"); preserved != (len(tt.made) > 0) || err != nil {
				t.Errorf("preserved: %v, %v", preserved, err)
			}
			if next, err := store.Reserve("web"); next != len(tt.made)+1 || err != nil {
				t.Errorf("the next number is %d, %v", next, err)
			}
			if again, err := bottle.Adopt(t.Context(), e, store, held, "web", bottle.AdoptOptions{}); !again.Empty() || err != nil {
				t.Errorf("a second time: %+v, %v", again, err)
			}
		})
	}
}

// Promise 7: an adoption that is cut off is done again; what was removed since
// the survey is not recorded, and a number that an artifact has is not used.
func TestAdoptAgain(t *testing.T) {
	e, held := lost("web:base", 1, 2, 3, 4)
	held.Doubtful = []backends.Doubtful{{Slug: "web", Number: 7, Name: "web:7", Ours: true}}
	e.at[2] = time.Time{}
	store := bottlestate.New(t.TempDir())
	if err := store.AddSnapshot("web", bottlestate.Snapshot{Number: 1, Message: "written before"}); err != nil {
		t.Fatal(err)
	}
	done, err := bottle.Adopt(t.Context(), e, store, held, "web", bottle.AdoptOptions{})
	if err != nil || !done.New || !slices.Equal(done.Snapshots, []int{3}) || done.Head != 3 {
		t.Errorf("got %+v, %v", done, err)
	}
	if snap, err := store.Snapshot("web", 1); err != nil || snap.Message != "written before" {
		t.Errorf("the snapshot that was recorded is %+v, %v", snap, err)
	}
	if next, err := store.Reserve("web"); next != 8 || err != nil {
		t.Errorf("the next number is %d, %v", next, err)
	}
}

// What was lost between the survey and the lock leaves nothing.
func TestAdoptGone(t *testing.T) {
	e, held := lost("web:base", 1, 2)
	e.booted, e.at = time.Time{}, nil
	store := bottlestate.New(t.TempDir())
	done, err := bottle.Adopt(t.Context(), e, store, held, "web", bottle.AdoptOptions{})
	if err != nil || !done.Empty() {
		t.Errorf("got %+v, %v", done, err)
	}
	if _, err := store.Bottle("web"); !errors.Is(err, bottlestate.ErrNotFound) {
		t.Errorf("it is recorded: %v", err)
	}
}
