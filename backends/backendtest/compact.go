package backendtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// deleted is a bottle with a snapshot that stands on another, which holds what
// was deleted since. A backend whose snapshots are always whole has none.
func (s *suite) deleted(t *testing.T) (bottlestate.Bottle, bottlestate.Snapshot, bool) {
	t.Helper()
	b := s.bottle(t)
	image := s.build(t, &b, "WORKDIR /home\nUSER dev\n"+agentEnd)
	s.boot(t, b, image.ID)
	root := func(script string) {
		s.run(t, b, backends.Process{Args: []string{"sh", "-ec", script}, User: "root"})
	}
	root(`dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null
mkdir -p /tree/empty; cd /tree; echo one >file; echo gone >gone; ln file hard; chmod 2755 empty
n=$(printf 'caf\351 \377'); echo latin >"$n"; mkfifo fifo; ln -s /nowhere link`)
	first := s.freeze(t, b, 1)
	if whole, err := backends.Whole(t.Context(), s.be, first); err != nil {
		t.Fatal(err)
	} else if whole {
		return b, first, false
	}
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, first.Reference)
	root("rm /big /tree/gone; cd /tree; echo more >>file; chown -h 1234:1235 link file; chmod 4711 file; mkdir -m 1777 sticky")
	return b, s.freeze(t, b, 2), true
}

// What was compacted is the same bottle, without what was deleted, and neither
// the bottle nor the snapshot that it was made from is touched.
func testCompact(t *testing.T, s *suite) {
	b, snap, ok := s.deleted(t)
	if !ok {
		return
	}
	art, err := backends.Compact(t.Context(), s.be, b, snap, freezeOptions(3))
	if err != nil {
		t.Fatal(err)
	}
	flat := record(b, 3, art)
	flat.Compacted = true
	s.removeLater(t, b, flat)
	s.state(t, b, backends.Running)
	s.exists(t, snap, true)
	s.exists(t, flat, true)
	if whole, err := backends.Whole(t.Context(), s.be, flat); err != nil || !whole {
		t.Errorf("the compacted one is whole: %v, %v", whole, err)
	}
	if saved := snap.Size - flat.Size; saved < 60<<20 {
		t.Errorf("compacted from %d to %d bytes, with 64 MB deleted", snap.Size, flat.Size)
	}
	if changed, err := s.be.ChangedSince(t.Context(), b, flat); err != nil || !changed {
		t.Errorf("a bottle that did not grow from it has not changed since: %v, %v", changed, err)
	}
	if art, err := backends.Compact(t.Context(), s.be, b, snap, freezeOptions(3)); err == nil {
		t.Errorf("number 3 a second time: %+v", art)
	}

	trees := map[string]string{}
	for _, from := range []bottlestate.Snapshot{snap, flat} {
		if err := s.be.Remove(t.Context(), b, false); err != nil {
			t.Fatal(err)
		}
		s.boot(t, b, from.Reference)
		trees[from.Reference] = s.run(t, b, backends.Process{Args: []string{"sh", "-ec", "id -u; pwd; echo $GREETING\n" + listing + "\nfind . -exec stat -c '%n %h' {} + | sort"}, User: "root", Dir: "/home"})
	}
	equal(t, "the compacted tree", trees[flat.Reference], trees[snap.Reference])
	equal(t, "user and directory", s.sh(t, b, "id -u; pwd; ls /big /tree/gone 2>/dev/null || cat /tree/hard"), "1234\n/home\none\nmore\n")

	asImage := b
	asImage.Image = flat.Reference
	if got, err := s.be.Build(t.Context(), asImage, backends.Source{}, nil); err != nil || !slices.Equal(got.Entrypoint, b.Entrypoint) || !slices.Equal(got.Command, b.Command) {
		t.Errorf("its command is %+v, %v", got, err)
	}
	// It is one to go on from.
	s.sh(t, b, "echo next >/tmp/next")
	next := s.freeze(t, b, 4)
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, next.Reference)
	equal(t, "what was added", s.sh(t, b, "cat /tmp/next"), "next\n")
}

// A compact that is interrupted leaves no artifact, and the next one works.
func testCompactInterrupted(t *testing.T, s *suite) {
	b, snap, ok := s.deleted(t)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if art, err := backends.Compact(ctx, s.be, b, snap, freezeOptions(3)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v; want context.DeadlineExceeded", art, err)
	}
	s.state(t, b, backends.Running)
	art, err := backends.Compact(t.Context(), s.be, b, snap, freezeOptions(3))
	if err != nil {
		t.Fatal(err)
	}
	s.removeLater(t, b, record(b, 3, art))
}
