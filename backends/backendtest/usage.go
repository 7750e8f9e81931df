package backendtest

import (
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A snapshot holds what it takes on the disk for as long as it is there, and is
// in use while a bottle stands on it. One that is not told of is a stranger's.
func testUsage(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, "dd if=/dev/urandom of=/data bs=1000 count=300 2>/dev/null")
	first := s.freeze(t, b, 1)
	second := s.freeze(t, b, 2)
	snaps := []bottlestate.Snapshot{first, second}
	for _, snap := range snaps {
		held, size := s.holders(t, snaps, snap)
		if held != 1 || size < 300_000 || size > 2*snap.Size {
			t.Errorf("%s is there %d times, with %d bytes; its size is %d", snap.Reference, held, size, snap.Size)
		}
		if held, _ := s.holders(t, nil, snap); held != 0 {
			t.Errorf("%s is known without being told", snap.Reference)
		}
	}
	s.uses(t, b, snaps, "")
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, first.Reference)
	s.uses(t, b, snaps, first.Reference)
	if err := s.be.Stop(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.uses(t, b, snaps, first.Reference)

	other := first
	other.Digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	if held, _ := s.holders(t, []bottlestate.Snapshot{other}, other); held != 0 && first.Digest != "" {
		t.Errorf("another artifact counts as the snapshot")
	}
	if err := s.be.RemoveArtifact(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if held, _ := s.holders(t, snaps, second); held != 0 {
		t.Errorf("%s is gone, and there %d times", second.Reference, held)
	}
	if held, _ := s.holders(t, snaps, first); held != 1 {
		t.Errorf("%s is there %d times", first.Reference, held)
	}
}

// held returns how often a snapshot is among the holders, and what it holds.
func (s *suite) holders(t *testing.T, told []bottlestate.Snapshot, snap bottlestate.Snapshot) (n int, size int64) {
	t.Helper()
	usage := s.usage(t, told)
	for _, h := range usage.Holders {
		if h.Snapshot != snap.Reference {
			continue
		}
		n++
		for _, part := range h.Parts {
			size += usage.Parts[part]
		}
	}
	return n, size
}

// uses checks what the bottle's container or machine was made from.
func (s *suite) uses(t *testing.T, b bottlestate.Bottle, told []bottlestate.Snapshot, want string) {
	t.Helper()
	var got []string
	for _, h := range s.usage(t, told).Holders {
		if h.Uses != "" {
			got = append(got, h.Uses)
			if h.Bottle != b.Slug {
				t.Errorf("%s is used by %q, not by %s", h.Uses, h.Bottle, b.Slug)
			}
		}
	}
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
		t.Errorf("in use are %q, want %q", got, want)
	}
}

func (s *suite) usage(t *testing.T, told []bottlestate.Snapshot) backends.Usage {
	t.Helper()
	usage, err := s.be.Usage(t.Context(), told)
	if err != nil {
		t.Fatalf("usage: %v", err)
	}
	for _, h := range usage.Holders {
		for _, part := range h.Parts {
			if size, ok := usage.Parts[part]; !ok || size < 0 {
				t.Errorf("part %s of %+v has the size %d, %v", part, h, size, ok)
			}
		}
	}
	return usage
}
