package backendtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// held returns what the engine holds of one bottle.
func (s *suite) held(t *testing.T, slug bottlestate.Slug) (held backends.Holdings) {
	t.Helper()
	all, err := s.be.Survey(t.Context())
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	for _, b := range all.Bottles {
		if b.Slug == slug {
			held.Bottles = append(held.Bottles, b)
		}
	}
	for _, snap := range all.Snapshots {
		if snap.Slug == slug {
			held.Snapshots = append(held.Snapshots, snap)
		}
	}
	for _, d := range all.Doubtful {
		if d.Slug == slug {
			t.Errorf("doubtful: %+v", d)
		}
	}
	return held
}

// What a bottle is can be told from the engine alone: that it is there, what it
// was made with, and of each snapshot which it is.
func testSurvey(t *testing.T, s *suite) {
	b := s.bottle(t)
	host := t.TempDir()
	b.Volumes, b.Tmpfs = []string{host + ":/bound"}, []string{"/mem"}
	b.NanoCPUs, b.Memory = 1e9, 1<<29
	image := s.build(t, &b, agentEnd+agentLabels)
	// Not the image's own.
	b.Command, b.Continue = []string{"echo it's $HOME"}, "mine --continue"
	s.boot(t, b, image.ID)
	first, second := s.freeze(t, b, 1), s.freeze(t, b, 2)

	held := s.held(t, b.Slug)
	if len(held.Bottles) != 1 || held.Bottles[0].State != backends.Running || held.Bottles[0].Paused {
		t.Errorf("the bottle is %+v", held.Bottles)
	}
	if len(held.Snapshots) != 2 {
		t.Fatalf("the snapshots are %+v", held.Snapshots)
	}
	for i, want := range []bottlestate.Snapshot{first, second} {
		got := held.Snapshots[i]
		if got.Number != want.Number || got.Parent != want.Number-1 || got.Reference != want.Reference || got.Message != freezeOptions(1).Message {
			t.Errorf("got %+v, want what is said of %+v", got, want)
		}
		if got.Digest != "" && got.Digest != want.Digest {
			t.Errorf("the digest is %s, was recorded as %s", got.Digest, want.Digest)
		}
		snap, err := s.be.RecallSnapshot(t.Context(), got)
		if err != nil {
			t.Fatal(err)
		}
		if snap.Number != want.Number || snap.Backend != want.Backend || snap.Parent != got.Parent || snap.Message != got.Message ||
			snap.Reference != want.Reference || snap.Digest != want.Digest || !snap.Created.Equal(want.Created) || snap.Size <= 0 {
			t.Errorf("recalled as %+v, was recorded as %+v", snap, want)
		}
		s.exists(t, snap, true)
	}

	got, unknown, err := s.be.RecallBottle(t.Context(), b.Slug, &second)
	if err != nil {
		t.Fatal(err)
	}
	if got.Slug != b.Slug || got.Backend != b.Backend || got.Context != b.Context || got.Endpoint != b.Endpoint || got.Created.IsZero() ||
		!slices.Equal(got.Argv(), b.Argv()) || !slices.Equal(got.Entrypoint, b.Entrypoint) || got.Continue != b.Continue ||
		!known(unknown, backends.Volumes, got.Volumes, b.Volumes) || !known(unknown, "tmpfs", got.Tmpfs, b.Tmpfs) || got.NanoCPUs != b.NanoCPUs || got.Memory != b.Memory || got.Network != "" {
		t.Errorf("recalled as\n%+v, was\n%+v", got, b)
	}

	// Without its container, the rest is known as well; and what boots from it
	// is found to have done so.
	if err := s.be.Remove(t.Context(), b, true); err != nil {
		t.Fatal(err)
	}
	if held := s.held(t, b.Slug); len(held.Bottles) != 0 || len(held.Snapshots) != 2 {
		t.Errorf("without its container it is %+v", held)
	}
	got, unknown, err = s.be.RecallBottle(t.Context(), b.Slug, &first)
	if err != nil || !slices.Equal(got.Argv(), b.Argv()) || got.Continue != b.Continue || !known(unknown, backends.Volumes, got.Volumes, b.Volumes) {
		t.Errorf("recalled as %+v, without %q, %v", got, unknown, err)
	}
	s.boot(t, b, first.Reference)
	if held := s.held(t, b.Slug); len(held.Bottles) != 1 || held.Bottles[0].From != first.Reference && held.Bottles[0].From != first.Digest {
		t.Errorf("booted from %s, and is %+v", first.Reference, held.Bottles)
	}
}

// known reports whether an option was recalled as it was, or is said not to be.
func known(unknown []string, option string, got, want []string) bool {
	if slices.Contains(unknown, option) {
		return len(got) == 0
	}
	return slices.Equal(got, want)
}

// What is gone is in no survey, and cannot be recalled; a bottle that was never
// frozen is known by its container.
func testSurveyGone(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, agentEnd)
	if _, _, err := s.be.RecallBottle(t.Context(), b.Slug, nil); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if err := s.be.Create(t.Context(), b, image.ID); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.be.RecallBottle(t.Context(), b.Slug, nil); err != nil || !slices.Equal(got.Argv(), b.Argv()) {
		t.Errorf("recalled as %+v, %v", got, err)
	}
	if err := s.be.Start(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	snap := s.freeze(t, b, 1)
	if err := errors.Join(s.be.Remove(t.Context(), b, true), s.be.RemoveArtifact(t.Context(), snap)); err != nil {
		t.Fatal(err)
	}
	if held := s.held(t, b.Slug); len(held.Bottles)+len(held.Snapshots) != 0 {
		t.Errorf("what is gone is %+v", held)
	}
	if got, err := s.be.RecallSnapshot(t.Context(), backends.HeldSnapshot{Slug: b.Slug, Number: 1, Reference: snap.Reference}); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("got %+v, %v; want ErrNotFound", got, err)
	}
}
