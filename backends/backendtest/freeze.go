package backendtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A bottle goes on through a freeze, and what boots from it is the bottle as
// it was, with its image's command, env, user and directory.
func testFreezeBoot(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, "WORKDIR /home\nUSER dev\n"+agentLabels+agentEnd)
	b.Continue = image.Labels[backends.ContinueLabel]
	s.boot(t, b, image.ID)
	s.run(t, b, backends.Process{Args: []string{"sh", "-c", "echo frozen >/file; chown dev /file"}, User: "root", Env: []string{"SECRET=do-not-keep"}})
	before := time.Now().Add(-time.Minute)
	snap := s.freezeReported(t, b)
	s.state(t, b, backends.Running)
	if snap.Reference == "" || snap.Size <= 0 || snap.Created.Before(before) {
		t.Errorf("the artifact is %+v", snap)
	}
	s.exists(t, snap, true)
	s.sh(t, b, "echo later >/file")

	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.exists(t, snap, true)
	s.boot(t, b, snap.Reference)
	equal(t, "what has come back", s.sh(t, b, "cat /file; id -u; pwd; echo $GREETING $SECRET"), "frozen\n1234\n/home\nhello\n")

	asImage := b
	asImage.Image = snap.Reference
	got, err := s.be.Build(t.Context(), asImage, backends.Source{}, nil)
	if err != nil || !slices.Equal(got.Entrypoint, image.Entrypoint) || !slices.Equal(got.Command, image.Command) {
		t.Errorf("the snapshot's command is %+v, %v; want that of %+v", got, err, image)
	}
	if len(got.Labels) != 2 || !maps.Equal(got.Labels, image.Labels) {
		t.Errorf("the snapshot's labels are %q, want %q", got.Labels, image.Labels)
	}
}

// freezeReported freezes the bottle. What it does meanwhile is told, and for how
// long the bottle stood still.
func (s *suite) freezeReported(t *testing.T, b bottlestate.Bottle) bottlestate.Snapshot {
	t.Helper()
	var mu sync.Mutex
	var told []backends.Progress
	ctx := backends.WithProgress(t.Context(), func(p backends.Progress) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, p)
	})
	began := time.Now()
	art, err := s.be.Freeze(ctx, b, freezeOptions(1))
	took := time.Since(began)
	if err != nil {
		t.Fatalf("freeze: %v", err)
	}
	snap := record(b, 1, art)
	s.removeLater(t, b, snap)
	mu.Lock()
	defer mu.Unlock()
	paused := slices.ContainsFunc(told, func(p backends.Progress) bool { return p.Paused })
	switch {
	case len(told) == 0 || slices.ContainsFunc(told, func(p backends.Progress) bool { return p.Step == "" }):
		t.Errorf("what was told of the freeze is %+v", told)
	case art.Still < 0 || art.Still > took:
		t.Errorf("the bottle stood still for %v, of %v", art.Still, took)
	case (paused || art.Restarted) != (art.Still > 0):
		t.Errorf("paused %v, restarted %v, and it stood still for %v", paused, art.Restarted, art.Still)
	}
	return snap
}

// The tree that comes back is the tree that was frozen: owners, modes with
// their special bits, times of files (not of directories: unpacking a layer
// touches those on some engines), links, names.
func testFreezeTree(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, `mkdir -p /tree/empty /tree/deep/er
cd /tree
echo text >file; chown 1234:1235 file; chmod 4755 file; touch -d '2001-02-03 04:05:06' file
ln file hard; ln -s file soft; ln -s /nowhere dangling
mkdir -m 1777 sticky; mkdir group; chown 0:1235 group; chmod 2770 group
echo "a b" >"deep/er/it's
here"; : >nothing; dd if=/dev/urandom of=big bs=64k count=32 2>/dev/null
i=0; while [ $i -lt 12 ]; do mkdir 12345678901234567890; cd 12345678901234567890; i=$((i+1)); done; echo long >name`)
	want := s.sh(t, b, listing)
	if !strings.Contains(want, "4755 1234:1235") {
		t.Fatalf("the listing lists nothing:\n%s", want)
	}
	snap := s.freeze(t, b, 1)
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, snap.Reference)
	if got := s.sh(t, b, listing); got != want {
		t.Errorf("got the tree\n%s\nwant\n%s", got, want)
	}
	equal(t, "hard links", s.sh(t, b, "echo x >>/tree/hard; cat /tree/file"), "text\nx\n")
	equal(t, "/tmp", s.sh(t, b, "stat -c %a /tmp /var/tmp"), "1777\n1777\n")
}

const listing = `cd /tree
find . -exec stat -c '%n %F %a %u:%g' {} + | sort
find . ! -type d -exec stat -c '%n %Y' {} + | sort
find . -type l -exec readlink {} \; | sort
find . -type f -exec sha256sum {} + | sort`

// A stopped bottle is frozen too, stays stopped, and has not changed since.
func testFreezeStopped(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, "echo frozen >/file")
	if err := s.be.Stop(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // some engines know only the second of a start
	snap := s.freeze(t, b, 1)
	s.state(t, b, backends.Stopped)
	if changed, err := s.be.ChangedSince(t.Context(), b, snap); err != nil || changed {
		t.Errorf("changed since it was frozen: %v, %v", changed, err)
	}
	if err := s.be.Start(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.be.ChangedSince(t.Context(), b, snap); err != nil || !changed {
		t.Errorf("a running bottle has changed: %v, %v", changed, err)
	}
	other := s.bottle(t)
	other.Entrypoint, other.Command = b.Entrypoint, b.Command
	s.boot(t, other, snap.Reference)
	equal(t, "the file", s.sh(t, other, "cat /file"), "frozen\n")
}

// Every freeze is kept: a second one has a reference of its own, one with a
// number that is taken is refused, and a snapshot of a snapshot is one.
func testFreezeTwice(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, "echo 1 >/file")
	first := s.freeze(t, b, 1)
	s.sh(t, b, "echo 2 >/file")
	second := s.freeze(t, b, 2)
	if first.Reference == second.Reference {
		t.Errorf("both are %s", first.Reference)
	}
	if art, err := s.be.Freeze(t.Context(), b, freezeOptions(1)); err == nil {
		t.Errorf("number 1 a second time: %+v", art)
	}
	s.state(t, b, backends.Running)
	for snap, want := range map[*bottlestate.Snapshot]string{&first: "1\n", &second: "2\n"} {
		s.exists(t, *snap, true)
		if err := s.be.Remove(t.Context(), b, false); err != nil {
			t.Fatal(err)
		}
		s.boot(t, b, snap.Reference)
		equal(t, "the file of "+snap.Reference, s.sh(t, b, "cat /file"), want)
	}
	s.sh(t, b, "rm /file; echo 3 >/new")
	third := s.freeze(t, b, 3)
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, third.Reference)
	equal(t, "the third", s.sh(t, b, "ls /file 2>/dev/null || cat /new"), "3\n")
}

func testFreezeGone(t *testing.T, s *suite) {
	b := s.bottle(t)
	if art, err := s.be.Freeze(t.Context(), b, freezeOptions(1)); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("got %+v, %v; want ErrNotFound", art, err)
	}
	if changed, err := s.be.ChangedSince(t.Context(), b, bottlestate.Snapshot{Number: 1}); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("changed: %v, %v; want ErrNotFound", changed, err)
	}
}

// A bottle that was booted from an older snapshot grows from there: what the
// newer one holds is not in it, and neither is harmed.
func testFork(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, "echo root >/root-file")
	first := s.freeze(t, b, 1)
	s.sh(t, b, "echo trunk >/trunk")
	second := s.freeze(t, b, 2)
	if err := s.be.Remove(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.boot(t, b, first.Reference)
	s.sh(t, b, "echo branch >/branch")
	if changed, err := s.be.ChangedSince(t.Context(), b, first); err != nil || !changed {
		t.Errorf("changed since it was booted: %v, %v", changed, err)
	}
	if changed, err := s.be.ChangedSince(t.Context(), b, second); err != nil || !changed {
		t.Errorf("changed since a snapshot that it did not grow from: %v, %v", changed, err)
	}
	opts := freezeOptions(3)
	opts.Parent = 1
	art, err := s.be.Freeze(t.Context(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	third := record(b, 3, art)
	s.removeLater(t, b, third)
	for _, tt := range []struct {
		snap bottlestate.Snapshot
		want string
	}{{first, "root\n"}, {second, "root\ntrunk\n"}, {third, "root\nbranch\n"}} {
		if err := s.be.Remove(t.Context(), b, false); err != nil {
			t.Fatal(err)
		}
		s.boot(t, b, tt.snap.Reference)
		equal(t, "what is in "+tt.snap.Reference, s.sh(t, b, "cd /; for f in root-file trunk branch; do [ ! -e $f ] || cat $f; done"), tt.want)
	}
}

// After an interrupt there is no artifact, the bottle runs, and the next freeze
// works.
func testFreezeInterrupted(t *testing.T, s *suite) {
	b := s.running(t)
	s.sh(t, b, "dd if=/dev/urandom of=/big bs=1M count=100 2>/dev/null")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	art, err := s.be.Freeze(ctx, b, freezeOptions(1))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v; want context.DeadlineExceeded", art, err)
	}
	s.state(t, b, backends.Running)
	equal(t, "the bottle", s.sh(t, b, "echo on"), "on\n")
	// The number was not used up by an artifact that was left.
	s.exists(t, s.freeze(t, b, 1), true)
}

// Where a freeze has to stop the bottle, "no" leaves everything as it is.
func testFreezeRefused(t *testing.T, s *suite) {
	b := s.running(t)
	asked := false
	opts := freezeOptions(1)
	opts.Confirm = func(context.Context, string) (bool, error) { asked = true; return false, nil }
	art, err := s.be.Freeze(t.Context(), b, opts)
	switch {
	case asked && !errors.Is(err, backends.ErrCommitCancelled):
		t.Errorf("got %+v, %v; want ErrCommitCancelled", art, err)
	case !asked && err != nil:
		t.Errorf("nothing was asked, and the freeze failed: %v", err)
	case !asked:
		if err := s.be.RemoveArtifact(t.Context(), record(b, 1, art)); err != nil {
			t.Error(err)
		}
	}
	s.state(t, b, backends.Running)
	s.exists(t, s.freeze(t, b, 2), true)
}

func testArtifacts(t *testing.T, s *suite) {
	b := s.running(t)
	snap := s.freeze(t, b, 1)
	if err := s.be.Remove(t.Context(), b, true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.be.RemoveArtifact(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
		s.exists(t, snap, false)
	}
	if err := s.be.Create(t.Context(), b, snap.Reference); err == nil {
		t.Error("created from a snapshot that is gone")
	}
	s.state(t, b, backends.Gone)
}
