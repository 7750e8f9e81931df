package bottle_test

import (
	"testing"

	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// What two hold is counted once, and is freed only with the last of them.
func TestMeasureSpace(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	one := w.commit(t, "base+aaaa")
	two := w.commit(t, "base+aaaa+bb")
	w.images["stranger"] = "base"
	w.containers["web"].files = "base+aaaa+bb+c"
	delete(w.images, "built")

	each, all, err := bottle.MeasureSpace(t.Context(), w, w.store, []bottlestate.Bottle{web})
	if err != nil || len(each) != 1 || len(each[0].Snapshots) != 2 {
		t.Fatalf("got %+v, %v", each, err)
	}
	for _, s := range []bottle.Space{each[0], all} {
		if s.Size != 4+4+2+1 || s.Reclaimable != 4+2+1 {
			t.Errorf("size %d, reclaimable %d; want 11, 7", s.Size, s.Reclaimable)
		}
	}
	first := each[0].Snapshots[0]
	if first.Reference != one.Reference || first.Size != 8 || first.Unique != 0 || first.Gone || first.Containers != 0 {
		t.Errorf("the first snapshot: %+v", first)
	}
	delete(w.images, two.Reference)
	delete(w.containers, "web")
	each, _, err = bottle.MeasureSpace(t.Context(), w, w.store, []bottlestate.Bottle{web})
	if err != nil || !each[0].Snapshots[1].Gone || each[0].Snapshots[0].Unique != 4 {
		t.Errorf("got %+v, %v", each, err)
	}
}

// What two bottles share is freed by removing both, and by neither alone.
func TestMeasureSpaceShared(t *testing.T) {
	w := newWorld(t)
	w.start(t, web)
	api := web
	api.Slug = "api"
	w.start(t, api)
	delete(w.images, "built")
	w.containers["web"].files, w.containers["api"].files = "shared+1", "shared+22"
	each, all, err := bottle.MeasureSpace(t.Context(), w, w.store, []bottlestate.Bottle{web, api})
	if err != nil || each[0].Reclaimable != 1 || each[1].Reclaimable != 2 || all.Reclaimable != 9 || all.Size != 9 {
		t.Errorf("got %+v, %+v, %v", each, all, err)
	}
}
