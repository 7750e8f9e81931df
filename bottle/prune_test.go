package bottle_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func (w *world) plan(t *testing.T, rule bottle.PruneRule) (bottle.Pruning, []int) {
	t.Helper()
	p, err := bottle.PlanPrune(t.Context(), w, w.store, []bottlestate.Bottle{web}, rule)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, snap := range p.Snapshots() {
		numbers = append(numbers, snap.Number)
	}
	return p, numbers
}

// prune removes what the rule lets go, and returns the numbers.
func (w *world) prune(t *testing.T, rule bottle.PruneRule) ([]int, error) {
	t.Helper()
	p, _ := w.plan(t, rule)
	var numbers []int
	for _, b := range p.Bottles {
		snaps, err := bottle.Prune(t.Context(), w, w.store, b, w.notify)
		for _, snap := range snaps {
			numbers = append(numbers, snap.Number)
		}
		if err != nil {
			return numbers, err
		}
	}
	return numbers, nil
}

// months makes four snapshots, a month apart; what runs is made from the second.
func months(t *testing.T) *world {
	w := newWorld(t)
	w.start(t, web)
	for range 4 {
		w.commit(t, "files")
		w.now = w.now.Add(30 * 24 * time.Hour)
	}
	w.containers["web"].image = "test/web:2"
	return w
}

func TestPlanPrune(t *testing.T) {
	for name, tt := range map[string]struct {
		rule bottle.PruneRule
		head int
		want []int
	}{
		"all":                 {bottle.PruneRule{}, 4, []int{1, 3}},
		"head":                {bottle.PruneRule{}, 3, []int{1}},
		"no head":             {bottle.PruneRule{}, 0, []int{1, 3}},
		"keep":                {bottle.PruneRule{Keep: 2}, 4, []int{1}},
		"keep more":           {bottle.PruneRule{Keep: 9}, 4, nil},
		"older":               {bottle.PruneRule{Before: newEngine().now.Add(time.Hour)}, 4, []int{1}},
		"older than all":      {bottle.PruneRule{Before: newEngine().now}, 4, nil},
		"older, and keep":     {bottle.PruneRule{Before: newEngine().now.Add(24000 * time.Hour), Keep: 3}, 4, []int{1}},
		"older, and kept all": {bottle.PruneRule{Before: newEngine().now.Add(time.Hour), Keep: 4}, 4, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := months(t)
			w.setHead(tt.head)
			_, got := w.plan(t, tt.rule)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v go, want %v", got, tt.want)
			}
			w.assertCalls(t)
		})
	}
}

// A record that cannot be read keeps its bottle from being judged, and no other.
func TestPlanPruneBad(t *testing.T) {
	w := months(t)
	w.setHead(-1)
	p, got := w.plan(t, bottle.PruneRule{})
	var corrupt *bottlestate.CorruptError
	if len(got) > 0 || len(p.Bad) != 1 || !errors.As(p.Bad[0], &corrupt) {
		t.Errorf("%v go, %v", got, p.Bad)
	}
}

// The record is out of the lists before the artifact goes, and back if that
// could not be removed.
func TestPruneOrder(t *testing.T) {
	w := months(t)
	w.fail["RemoveArtifact"] = errors.New("in use")
	if got, err := w.prune(t, bottle.PruneRule{}); len(got) > 0 || !errors.Is(err, w.fail["RemoveArtifact"]) {
		t.Errorf("got %v, %v", got, err)
	}
	if snaps, _, _ := w.store.Snapshots("web"); len(snaps) != 4 {
		t.Errorf("after a failure there are %d snapshots", len(snaps))
	}
	w.fail["ArtifactExists"] = errors.New("engine down")
	if _, err := w.prune(t, bottle.PruneRule{}); err == nil {
		t.Error("no error")
	}
	if snaps, _, _ := w.store.Snapshots("web"); len(snaps) != 3 {
		t.Errorf("one may be gone, and %d snapshots are listed", len(snaps))
	}
	clear(w.fail)
	got, err := w.prune(t, bottle.PruneRule{Keep: 3})
	if err != nil || !slices.Equal(got, []int{1}) {
		t.Errorf("the next prune has removed %v, %v", got, err)
	}
	if _, ok := w.images["test/web:1"]; ok {
		t.Error("the image is still there")
	}
}

// The head that somebody has gone back to since stays, and numbers stay taken.
func TestPruneSince(t *testing.T) {
	w := months(t)
	p, _ := w.plan(t, bottle.PruneRule{})
	w.setHead(3)
	removed, err := bottle.Prune(t.Context(), w, w.store, p.Bottles[0], w.notify)
	if err != nil || len(removed) != 1 || removed[0].Number != 1 {
		t.Errorf("got %v, %v", removed, err)
	}
	if again, err := bottle.Prune(t.Context(), w, w.store, p.Bottles[0], w.notify); err != nil || len(again) > 0 {
		t.Errorf("a second time: %v, %v", again, err)
	}
	if snap := w.commit(t, "more"); snap.Number != 5 || snap.Parent != 3 {
		t.Errorf("the next is %d of %d", snap.Number, snap.Parent)
	}
}

// What a killed prune has left goes with the bottle.
func TestRemoveRetired(t *testing.T) {
	w := months(t)
	if err := w.store.Retire("web", 1); err != nil {
		t.Fatal(err)
	}
	if err := bottle.Remove(t.Context(), w, w.store, "web", true, w.notify); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.images["test/web:1"]; ok {
		t.Error("the image is still there")
	}
}
