package backendtest

import (
	"archive/tar"
	"bytes"
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Everything that a bottle holds survives stop and start, and each step may be
// repeated.
func testLifecycle(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, agentEnd)
	s.state(t, b, backends.Gone)
	if err := s.be.Create(t.Context(), b, image.ID); err != nil {
		t.Fatal(err)
	}
	s.state(t, b, backends.Stopped)
	for range 2 {
		if err := s.be.Start(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		s.state(t, b, backends.Running)
	}
	s.sh(t, b, "echo kept >/file")
	for range 2 {
		if err := s.be.Stop(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		s.state(t, b, backends.Stopped)
	}
	if err := s.be.Start(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	equal(t, "the file", s.sh(t, b, "cat /file"), "kept\n")
	for range 2 {
		if err := s.be.Remove(t.Context(), b, true); err != nil { // running
			t.Fatal(err)
		}
		s.state(t, b, backends.Gone)
	}
	if err := s.be.Stop(t.Context(), b); err != nil {
		t.Errorf("stopping what is gone: %v", err)
	}
}

// A bottle is not created over another, and is not harmed by the attempt.
func testCreateTaken(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, agentEnd)
	s.boot(t, b, image.ID)
	s.sh(t, b, "echo mine >/file")
	if err := s.be.Create(t.Context(), b, image.ID); err == nil {
		t.Error("created a second time")
	}
	s.state(t, b, backends.Running)
	equal(t, "the file", s.sh(t, b, "cat /file"), "mine\n")
}

// A create that fails leaves nothing.
func testCreateFails(t *testing.T, s *suite) {
	b := s.bottle(t)
	if err := s.be.Create(t.Context(), b, s.word+"/none:1"); err == nil {
		t.Error("created from an image that does not exist")
	}
	s.state(t, b, backends.Gone)
	if err := s.be.Start(t.Context(), b); err == nil {
		t.Error("started what is gone")
	}
}

// The workspace arrives whole, with the image's user as its owner.
func testWorkspace(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, "USER dev\n"+agentEnd)
	s.boot(t, b, image.ID)
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "run.sh", Mode: 0o755, Size: 5, Uid: 77, Uname: "host"},
		{Typeflag: tar.TypeDir, Name: "dir/", Mode: 0o700, Uid: 77},
		{Typeflag: tar.TypeReg, Name: "dir/it's here", Mode: 0o640, Size: 5, Uid: 77},
		{Typeflag: tar.TypeSymlink, Name: "dir/link", Linkname: "../run.sh", Mode: 0o777},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.be.CopyWorkspace(t.Context(), b, &tree); err != nil {
		t.Fatal(err)
	}
	got := s.sh(t, b, `cd /work; stat -c '%n %a %u:%g' . run.sh dir "dir/it's here"; readlink dir/link; cat "dir/it's here"; touch new`)
	equal(t, "the workspace", got, `. 755 1234:1235
run.sh 755 1234:1235
dir 700 1234:1235
dir/it's here 640 1234:1235
../run.sh
hello`)
}

// What is mounted is named, before a freeze and by it.
func testMounts(t *testing.T, s *suite) {
	b := s.bottle(t)
	host := t.TempDir()
	b.Volumes = []string{host + ":/bound"}
	b.Tmpfs = []string{"/mem"}
	image := s.build(t, &b, agentEnd)
	s.boot(t, b, image.ID)
	mounts, err := s.be.Mounts(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	hasMounts(t, mounts, host)
	hasMounts(t, s.freeze(t, b, 1).NotCaptured, host)
}

func hasMounts(t *testing.T, mounts []bottlestate.Mount, host string) {
	t.Helper()
	for _, want := range []bottlestate.Mount{
		{Type: "bind", Source: host, Target: "/bound"},
		{Type: "tmpfs", Target: "/mem"},
	} {
		if !slices.Contains(mounts, want) {
			t.Errorf("%v is not among %v", want, mounts)
		}
	}
}
