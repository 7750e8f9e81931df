package bottle

import (
	"errors"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// findHead decides on the head. One that is recorded stays, but for this: a
// commit that was cut off is carried on to its end, so the head becomes the
// snapshot that was made from it. One that cannot be read stays, too.
func (a *adoption) findHead(notify Notify) error {
	head, set, err := a.store.HeadNumber(a.result.Slug)
	var corrupt *bottlestate.CorruptError
	if errors.As(err, &corrupt) {
		notify.Say("%v", err)
		return nil
	} else if err != nil {
		return err
	}
	if !set && a.result.New {
		a.result.Head = a.inferHead()
		a.result.HeadMoved = len(a.snaps) > 0
		return nil
	}
	before := head
	if !set && len(a.snaps) > 0 {
		head = a.snaps[len(a.snaps)-1].Number // as without a head file it is
	}
	for _, snap := range a.added {
		if snap.Parent == head && snap.Number > head && (a.booted.IsZero() || snap.Created.After(a.booted)) {
			head = snap.Number
		}
	}
	a.result.Head, a.result.HeadMoved = head, set && head != before
	return nil
}

// inferHead is what the bottle stands on: the newest snapshot that was made of
// its container, or else the one that this was booted from. A container that
// was built anew stands on none. Without a container it is the newest one.
func (a *adoption) inferHead() int {
	if len(a.snaps) == 0 {
		return 0
	}
	newest := a.snaps[len(a.snaps)-1]
	if a.booted.IsZero() || newest.Created.After(a.booted) {
		return newest.Number
	}
	from := a.held.Bottles[0].From
	for _, snap := range a.snaps {
		if from == snap.Reference || from == snap.Digest {
			return snap.Number
		}
	}
	for _, cache := range a.held.Caches {
		if from == cache.Name || from == cache.Digest {
			return 0
		}
	}
	return newest.Number
}
