//go:build linux

package containertest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// TestSparse pins the exporter's defect: what follows a hole moves up.
func TestSparse(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(filepath.Join(root, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(10 << 20); err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 5 << 20} {
		if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 4096), offset); err != nil {
			t.Fatal(err)
		}
	}
	if hole, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE); err != nil || hole > 5<<20 {
		t.Skip("no holes on this file system")
	}
	f.Close()
	exported := packed(t, root, extents)["sparse"]
	want := append(bytes.Repeat([]byte("x"), 8192), make([]byte, 10<<20-8192)...)
	if !bytes.Equal(exported, want) {
		t.Error("the export is not that of the real tool")
	}
	if whole := packed(t, root, plain)["sparse"]; len(whole) != 10<<20 || whole[5<<20] != 'x' {
		t.Error("a layer of a build is broken")
	}
}

func packed(t *testing.T, root string, content func(*os.File, int64) io.Reader) map[string][]byte {
	var out bytes.Buffer
	if err := pack(root, &out, content); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = data
	}
}

// TestPack pins where the archive has more than ustar holds.
func TestPack(t *testing.T) {
	root := t.TempDir()
	when := time.Unix(1700000000, 500e6)
	long := strings.Repeat("n", 120)
	for _, name := range []string{"plain", "tagged", long} {
		file := filepath.Join(root, name)
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "tagged" {
			if err := unix.Setxattr(file, "user.k", []byte("v"), 0); err != nil {
				t.Skip("no xattrs on this file system")
			}
		}
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := pack(root, &out, extents); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		extended := h.Name != "plain"
		if extended != (h.Format == tar.FormatPAX) || extended != (h.ModTime.Nanosecond() != 0) {
			t.Errorf("%s: format %v, time %v", h.Name, h.Format, h.ModTime)
		}
		if h.Name == "tagged" && h.PAXRecords["SCHILY.xattr.user.k"] != "v" {
			t.Errorf("records %v", h.PAXRecords)
		}
		if h.Uname != "" || h.Gname != "" {
			t.Errorf("%s belongs to %s:%s, want numbers", h.Name, h.Uname, h.Gname)
		}
	}
}

// member is an entry of a layer: a name, with -> a symlink, with = a hard
// link, with a / at the end a directory, else a file that holds its content.
type member struct{ name, content string }

func layerOf(t *testing.T, members ...member) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: int64(len(m.content)), ModTime: time.Unix(1e9, 0), Uid: os.Getuid(), Gid: os.Getgid()}
		if name, to, ok := strings.Cut(m.name, "->"); ok {
			h.Typeflag, h.Name, h.Linkname = tar.TypeSymlink, name, to
		} else if name, to, ok := strings.Cut(m.name, "="); ok {
			h.Typeflag, h.Name, h.Linkname = tar.TypeLink, name, to
		} else if strings.HasSuffix(m.name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		} else if m.content == "fifo" {
			h.Typeflag, h.Size, m.content = tar.TypeFifo, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestUnpack pins what becomes of layers.
func TestUnpack(t *testing.T) {
	file := func(name, content string) member { return member{name, content} }
	for name, tt := range map[string]struct {
		layers [][]byte
		want   string // name=content, or the error
		old    bool
	}{
		"names":           {layers: [][]byte{layerOf(t, file("./a", "1"), file("/b", "2"), file("d/", ""), file("d/c", "3"))}, want: "a=1 b=2 d/c=3"},
		"parents":         {layers: [][]byte{layerOf(t, file("x/y/z", "1"))}, want: "x/y/z=1"},
		"no parents":      {layers: [][]byte{layerOf(t, file("x/y", "1"))}, want: "no such file", old: true},
		"whiteout":        {layers: [][]byte{layerOf(t, file("a", "1"), file("b", "2")), layerOf(t, file(".wh.a", ""))}, want: "b=2"},
		"own whiteout":    {layers: [][]byte{layerOf(t, file("a", "1"), file("b", "2"), file(".wh.a", ""))}, want: "b=2"},
		"opaque":          {layers: [][]byte{layerOf(t, file("d/", ""), file("d/a", "1")), layerOf(t, file("d/.wh..wh..opq", ""), file("d/b", "2"))}, want: "d/b=2"},
		"links last":      {layers: [][]byte{layerOf(t, file("a=b", ""), file("b", "2"))}, want: "a=2 b=2"},
		"replaced":        {layers: [][]byte{layerOf(t, file("a", "1")), layerOf(t, file("a", "2"))}, want: "a=2"},
		"freed inode":     {layers: [][]byte{layerOf(t, file("a", "1"), file("b=a", "")), layerOf(t, file(".wh.a", ""))}, want: "b="},
		"another link":    {layers: [][]byte{layerOf(t, file("a", "1"), file("b=a", "")), layerOf(t, file(".wh.b", ""))}, want: "a=1"},
		"no devices":      {layers: [][]byte{layerOf(t, file("p", "fifo"), file("a", "1"))}, want: "a=1"},
		"file to dir":     {layers: [][]byte{layerOf(t, file("a", "1")), layerOf(t, file("a/", ""))}, want: `alreadyExists("/a/")`},
		"dir to file":     {layers: [][]byte{layerOf(t, file("a/", "")), layerOf(t, file("a", "1"))}, want: `alreadyExists("/a")`},
		"with a whiteout": {layers: [][]byte{layerOf(t, file("a/", "")), layerOf(t, file(".wh.a", ""), file("a", "1"))}, want: "a=1"},
		"through a link":  {layers: [][]byte{layerOf(t, file("l->/tmp", ""), file("l/a", "1"))}, want: `notDirectory("/l/a")`},
		"below a file":    {layers: [][]byte{layerOf(t, file("f", ""), file("f/a", "1"))}, want: `notDirectory("/f/a")`},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings{root: t.TempDir(), server: version{1, 4, 1}}
			if tt.old {
				s.server = version{1, 0, 0}
			}
			v := variant{}
			for _, layer := range tt.layers {
				d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(layer)}
				if err := os.MkdirAll(filepath.Dir(s.blobPath(d.Digest)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(s.blobPath(d.Digest), layer, 0o644); err != nil {
					t.Fatal(err)
				}
				v.manifest.Layers = append(v.manifest.Layers, d)
			}
			root := filepath.Join(t.TempDir(), "rootfs")
			got := ""
			if err := s.unpack(v, root); err != nil {
				got = err.Error()
			} else {
				got = shown(t, root)
			}
			if !strings.Contains(got, tt.want) || strings.Contains(tt.want, "=") && got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func shown(t *testing.T, root string) string {
	var files []string
	for name := range packed(t, root, plain) {
		if info, err := os.Lstat(filepath.Join(root, name)); err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, name)) // a link has no content in the archive
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, fmt.Sprintf("%s=%s", name, data))
	}
	return strings.Join(sorted(files), " ")
}

// TestRoundTrip pins that owners, modes, times, links and xattrs come back.
func TestRoundTrip(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	from := filepath.Join(t.TempDir(), "from")
	if err := os.MkdirAll(filepath.Join(from, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(from, "dir", "file")
	if err := os.WriteFile(file, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(from, "dir", "soft")); err != nil {
		t.Fatal(err)
	}
	// A capability, as setcap cap_net_raw+ep writes it.
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	when := time.Unix(1600000000, 0)
	for _, err := range []error{
		os.Chown(file, 123, 456),
		unix.Chmod(file, 0o6751),
		unix.Setxattr(file, "user.k", []byte("v\x00w"), 0),
		unix.Setxattr(file, "security.capability", []byte(capability), 0),
		os.Lchown(filepath.Join(from, "dir", "soft"), 7, 8),
		os.Chtimes(file, when, when),
		os.Chtimes(filepath.Join(from, "dir"), when, when),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := pack(from, &out, extents); err != nil {
		t.Fatal(err)
	}
	s := settings{root: t.TempDir(), server: version{1, 4, 1}}
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(out.Bytes())}
	if err := os.MkdirAll(filepath.Dir(s.blobPath(d.Digest)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.blobPath(d.Digest), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	v := variant{}
	v.manifest.Layers = []ocispec.Descriptor{d}
	to := filepath.Join(t.TempDir(), "to")
	if err := s.unpack(v, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to, "lost+found")); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := pack(to, &again, extents); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("the second archive differs")
	}
}
