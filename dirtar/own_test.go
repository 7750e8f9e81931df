package dirtar_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/dirtar"
)

// pack makes a tar stream; the name of an entry is its content.
func pack(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = h.Name
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

// A workspace gets below /work and belongs to the image's user, all of it: a
// hard link follows its target there, a symbolic link is left as it is, and
// content, modes and times are those of the original.
func TestOwn(t *testing.T) {
	long, longest := strings.Repeat("l", 98), strings.Repeat("d/", 124)+"file"
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tree := pack(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "sub/", Mode: 0o1777, Uid: 501, Gid: 20, Uname: "me", Gname: "staff", ModTime: modified},
		tar.Header{Typeflag: tar.TypeReg, Name: "sub/file", Mode: 0o4755, Uid: 501, Gid: 20, Uname: "me", Gname: "staff", ModTime: modified},
		tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "sub/file"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "relative", Linkname: "sub/file"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "absolute", Linkname: "/etc/passwd"},
		// These fit into the oldest format, and no longer do below /work.
		tar.Header{Typeflag: tar.TypeReg, Name: long},
		tar.Header{Typeflag: tar.TypeLink, Name: "long", Linkname: long},
		tar.Header{Typeflag: tar.TypeReg, Name: longest},
		tar.Header{Typeflag: tar.TypeReg, Name: "ünïcode", PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}},
	)
	const uid, gid = 3_000_000, 4_000_000 // more than the oldest format can hold
	var out bytes.Buffer
	if err := dirtar.Own(&out, tree, "/work", uid, gid); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(out.Bytes(), make([]byte, 1024)) {
		t.Error("the stream has no end")
	}
	type entry struct {
		kind       byte
		link, text string
	}
	got := map[string]entry{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != uid || h.Gid != gid || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s belongs to %d %q, %d %q", h.Name, h.Uid, h.Uname, h.Gid, h.Gname)
		}
		switch h.Name {
		case "work/":
			if h.Mode != 0o755 || len(got) > 0 {
				t.Errorf("%s: mode %o after %d entries, want 755 and the first", h.Name, h.Mode, len(got))
			}
		case "work/sub/", "work/sub/file":
			if want := map[string]int64{"work/sub/": 0o1777, "work/sub/file": 0o4755}[h.Name]; h.Mode != want || !h.ModTime.Equal(modified) {
				t.Errorf("%s: mode %o of %v, want %o of %v", h.Name, h.Mode, h.ModTime, want, modified)
			}
		case "work/ünïcode":
			if h.PAXRecords["SCHILY.xattr.user.a"] != "b" {
				t.Errorf("%s: its attributes are %v", h.Name, h.PAXRecords)
			}
		}
		got[h.Name] = entry{h.Typeflag, h.Linkname, string(data)}
	}
	want := map[string]entry{
		"work/":           {kind: tar.TypeDir},
		"work/sub/":       {kind: tar.TypeDir},
		"work/sub/file":   {tar.TypeReg, "", "sub/file"},
		"work/hard":       {tar.TypeLink, "work/sub/file", ""},
		"work/relative":   {tar.TypeSymlink, "sub/file", ""},
		"work/absolute":   {tar.TypeSymlink, "/etc/passwd", ""},
		"work/" + long:    {tar.TypeReg, "", long},
		"work/long":       {tar.TypeLink, "work/" + long, ""},
		"work/" + longest: {tar.TypeReg, "", longest},
		"work/ünïcode":    {tar.TypeReg, "", "ünïcode"},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A workspace that cannot be read to its end, or written, is not taken for one
// that has ended.
func TestOwnFails(t *testing.T) {
	whole, err := io.ReadAll(pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "file"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := dirtar.Own(io.Discard, io.MultiReader(bytes.NewReader(whole[:514]), broken{}), "/work", 0, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: got %v, want io.ErrUnexpectedEOF", err)
	}
	if err := dirtar.Own(broken{}, bytes.NewReader(whole), "/work", 0, 0); err == nil {
		t.Error("to a pipe that is closed: no error")
	}
}

// broken is a stream that cannot be read or written.
type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }
func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
