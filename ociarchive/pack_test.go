package ociarchive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// file is an entry of a tree. The zero type is a regular file.
type file struct {
	Type    byte
	Name    string
	Link    string
	Mode    int64
	UID     int
	GID     int
	Time    time.Time
	Dev     [2]int64
	Xattrs  map[string]string
	Content string
}

func (f file) header() *tar.Header {
	hdr := &tar.Header{
		Typeflag: f.Type,
		Name:     f.Name,
		Linkname: f.Link,
		Mode:     f.Mode,
		Uid:      f.UID,
		Gid:      f.GID,
		ModTime:  f.Time,
		Devmajor: f.Dev[0],
		Devminor: f.Dev[1],
		Size:     int64(len(f.Content)),
	}
	if f.Type == 0 {
		hdr.Typeflag = tar.TypeReg
	}
	if f.Time.Nanosecond() != 0 {
		hdr.Format = tar.FormatPAX
	}
	for k, v := range f.Xattrs {
		if hdr.PAXRecords == nil {
			hdr.PAXRecords = map[string]string{}
		}
		hdr.PAXRecords["SCHILY.xattr."+k] = v
	}
	return hdr
}

// tree returns a tar of the files.
func tree(tb testing.TB, files ...file) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(f.header()); err != nil {
			tb.Fatalf("%q: %v", f.Name, err)
		}
		if _, err := io.WriteString(w, f.Content); err != nil {
			tb.Fatalf("%q: %v", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// files returns the files in a tar, which must be one to the end.
func files(tb testing.TB, r io.Reader) []file {
	tb.Helper()
	var out []file
	for r := tar.NewReader(r); ; {
		hdr, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			tb.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			tb.Fatalf("%q: %v", hdr.Name, err)
		}
		f := file{
			Type: hdr.Typeflag, Name: hdr.Name, Link: hdr.Linkname,
			Mode: hdr.Mode, UID: hdr.Uid, GID: hdr.Gid,
			Time: hdr.ModTime.UTC(), Dev: [2]int64{hdr.Devmajor, hdr.Devminor},
			Content: string(content),
		}
		if f.Type == tar.TypeReg {
			f.Type = 0
		}
		for k, v := range hdr.PAXRecords {
			if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
				if f.Xattrs == nil {
					f.Xattrs = map[string]string{}
				}
				f.Xattrs[name] = v
			}
		}
		out = append(out, f)
	}
}

// layer returns the layer of an archive, which must be its last but for what
// describes it.
func layer(tb testing.TB, f *os.File, sum ociarchive.Summary) io.Reader {
	tb.Helper()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	r := tar.NewReader(f)
	for {
		hdr, err := r.Next()
		if err != nil {
			tb.Fatalf("looking for the layer: %v", err)
		}
		if hdr.Name == "blobs/sha256/"+sum.Layer.Encoded() {
			if hdr.Size != sum.LayerSize {
				tb.Errorf("layer has %d bytes, summary says %d", hdr.Size, sum.LayerSize)
			}
			return r
		}
	}
}

// repack packs a tree and returns what is in the layer.
func repack(tb testing.TB, in io.Reader, net ociarchive.Network) ([]file, error) {
	tb.Helper()
	f := createArchive(tb)
	sum, err := ociarchive.Write(tb.Context(), f, in, testImage(), net)
	if left, _ := os.ReadDir(filepath.Dir(f.Name())); len(left) != 1 {
		tb.Errorf("beside the archive there is %v", left)
	}
	if err != nil {
		return nil, err
	}
	return files(tb, layer(tb, f, sum)), nil
}

// TestOwnersAreNumbers: in another tree a name may be someone else's.
func TestOwnersAreNumbers(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "a", Uid: 1000, Gid: 50, Uname: "me", Gname: "staff"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f := createArchive(t)
	sum, err := ociarchive.Write(t.Context(), f, &b, testImage(), ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	hdr, err := tar.NewReader(layer(t, f, sum)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if hdr.Uid != 1000 || hdr.Gid != 50 || hdr.Uname != "" || hdr.Gname != "" {
		t.Errorf("owned by %d %q, %d %q", hdr.Uid, hdr.Uname, hdr.Gid, hdr.Gname)
	}
}

var (
	wholeSecond = time.Unix(1700000000, 0).UTC()
	nanosecond  = time.Unix(1700000000, 123456789).UTC()
	capability  = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

func dir(name string, mode int64) file {
	return file{Type: tar.TypeDir, Name: name, Mode: mode, Time: wholeSecond}
}

func reg(name, content string) file {
	return file{Name: name, Content: content, Mode: 0o644, Time: wholeSecond}
}

func link(name, to string) file {
	return file{Type: tar.TypeLink, Name: name, Link: to, Mode: 0o644, Time: wholeSecond}
}

func symlink(name, to string) file {
	return file{Type: tar.TypeSymlink, Name: name, Link: to, Mode: 0o777, Time: wholeSecond}
}

// nasty is a tree with one of everything that a layer holds.
func nasty() []file {
	long := strings.Repeat("long/", 60) + "name"
	deep := strings.Repeat("x", 200) + "/" + strings.Repeat("y", 255)
	return []file{
		{Type: tar.TypeDir, Name: "./", Mode: 0o751, UID: 3, GID: 4, Time: nanosecond},
		dir("bin/", 0o755),
		{Name: "bin/su", Content: "setuid", Mode: 0o4755, Time: wholeSecond},
		{Name: "bin/wall", Content: "setgid", Mode: 0o2755, GID: 5, Time: nanosecond},
		{Name: "bin/ping", Content: "capable", Mode: 0o755, Time: wholeSecond, Xattrs: map[string]string{"security.capability": capability}},
		{Name: "bin/noted", Mode: 0o755, Time: wholeSecond, Xattrs: map[string]string{"user.note": "a=b\n\x00c", "user.empty": "x"}},
		dir("tmp/", 0o1777),
		{Type: tar.TypeDir, Name: "srv/", Mode: 0o2775, UID: 70000, GID: 3000000, Time: nanosecond, Xattrs: map[string]string{"user.dir": "1"}},
		dir("empty/", 0o700),
		reg("empty/"+"file", ""),
		{Name: "old", Content: "before 1970", Mode: 0o600, Time: time.Unix(-5, 500).UTC()},
		reg(long, "long"),
		reg(deep, "deep"),
		symlink("to-"+"long", "/"+long),
		symlink("up", "../../../etc/passwd"),
		symlink("slash", "bin/"),
		{Type: tar.TypeLink, Name: "bin/sg", Link: "bin/wall", Mode: 0o2755, GID: 5, Time: nanosecond}, // engines go by the last entry
		link("hard-"+strings.Repeat("h", 150), deep),
		reg("na\xefve\xff", "not UTF-8"),
		link("bytes\xfe", "na\xefve\xff"),
		symlink("bytelink", "na\xefve\xff"),
		reg("naïve", "UTF-8"),
		reg("new\nline back\\slash \"quote\"", "odd"),
		{Type: tar.TypeFifo, Name: "pipe", Mode: 0o620, UID: 1, Time: wholeSecond},
		{Type: tar.TypeChar, Name: "null", Mode: 0o666, Time: wholeSecond, Dev: [2]int64{1, 3}},
		{Type: tar.TypeBlock, Name: "disk", Mode: 0o660, GID: 6, Time: wholeSecond, Dev: [2]int64{259, 1048575}},
		reg("big", strings.Repeat("0123456789abcdef", 3<<16)),
	}
}

func TestTreeIsKept(t *testing.T) {
	want := nasty()
	got, err := repack(t, bytes.NewReader(tree(t, want...)), ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, want)
}

func compare(t *testing.T, got, want []file) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %.300q", fmt.Sprint(want[i]))
		case i >= len(want):
			t.Errorf("more than wanted: %.300q", fmt.Sprint(got[i]))
		case !reflect.DeepEqual(got[i], want[i]):
			t.Errorf("entry %d:\n got %.300q\nwant %.300q", i, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
}

func TestTreeIsFiltered(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in, want []file
	}{
		{
			"spelling",
			[]file{dir("./", 0o755), dir("./etc/", 0o755), reg("./etc/a", "1"), reg("/etc/b", "2"), link("./etc/c", "./etc/a"), link("/d", "//etc/b"), reg("etc/./e", "3")},
			[]file{dir("./", 0o755), dir("etc/", 0o755), reg("etc/a", "1"), reg("etc/b", "2"), link("etc/c", "etc/a"), link("d", "etc/b"), reg("etc/e", "3")},
		},
		{"no root", []file{reg("a", "1")}, []file{reg("a", "1")}},
		{"root as a slash", []file{dir("/", 0o711), reg("a", "1")}, []file{dir("./", 0o711), reg("a", "1")}},
		{"root as a dot", []file{dir(".", 0o711)}, []file{dir("./", 0o711)}},
		{
			"what does not outlive a container",
			[]file{
				dir("tmp/", 0o1777), reg("tmp/a", "1"), dir("tmp/b/", 0o700), reg("tmp/b/c", "2"), symlink("tmp/d", "a"), link("tmp/e", "tmp/a"),
				dir("var/", 0o755), dir("var/tmp/", 0o1770), reg("var/tmp/a", "3"),
				dir("run/", 0o755), {Type: tar.TypeFifo, Name: "run/fifo"}, reg("run/.wh.x", ""),
				dir("lost+found/", 0o700), reg("lost+found/#12", "4"),
			},
			[]file{dir("tmp/", 0o1777), dir("var/", 0o755), dir("var/tmp/", 0o1770), dir("run/", 0o755)},
		},
		{
			"names like those",
			[]file{reg("tmpx/a", "1"), reg("home/tmp/b", "2"), reg("var/run/c", "3"), reg("var/lost+found/d", "4"), reg("runner", "5")},
			[]file{reg("tmpx/a", "1"), reg("home/tmp/b", "2"), reg("var/run/c", "3"), reg("var/lost+found/d", "4"), reg("runner", "5")},
		},
		{
			"links in their places",
			[]file{symlink("tmp", "var/tmp"), symlink("var/run", "/run"), symlink("var/tmp", "/mnt"), symlink("run", "var/run")},
			[]file{symlink("tmp", "var/tmp"), symlink("var/run", "/run"), symlink("var/tmp", "/mnt"), symlink("run", "var/run")},
		},
		{
			"hard links to what is left out become the file",
			[]file{
				dir("tmp/", 0o1777),
				{Name: "tmp/a", Content: "shared", Mode: 0o4750, UID: 7, Time: nanosecond, Xattrs: map[string]string{"user.x": "1"}},
				reg("tmp/b", "not shared"),
				{Type: tar.TypeSymlink, Name: "run/c", Link: "d", Mode: 0o777, Time: wholeSecond},
				reg("keep", "kept"),
				link("home/a", "tmp/a"), link("home/b", "./tmp/a"), link("home/c", "run/c"), link("tmp/e", "keep"), link("home/d", "home/a"), link("home/e", "keep"),
			},
			[]file{
				dir("tmp/", 0o1777), reg("keep", "kept"), link("home/e", "keep"),
				{Name: "home/a", Content: "shared", Mode: 0o4750, UID: 7, Time: nanosecond, Xattrs: map[string]string{"user.x": "1"}},
				symlink("home/c", "d"),
				link("home/b", "home/a"), link("home/d", "home/a"),
			},
		},
		{
			"modes with the type in them",
			[]file{{Name: "a", Mode: 0o100644, Time: wholeSecond}},
			[]file{reg("a", "")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := repack(t, bytes.NewReader(tree(t, tt.in...)), ociarchive.Network{})
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range tt.want {
				if f.Time.IsZero() {
					tt.want[i].Time = time.Unix(0, 0).UTC()
				}
			}
			compare(t, got, tt.want)
		})
	}
}

func TestTreeIsRefused(t *testing.T) {
	whole := tree(t, reg("a", strings.Repeat("x", 2000)), dir("b/", 0o755))
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"up", tree(t, reg("../a", "")), `pack "../a": name leads out of the tree`},
		{"up inside", tree(t, reg("a/../../b", "")), `pack "a/../../b": name leads out of the tree`},
		{"link up", tree(t, link("a", "../b")), `pack "a": hard link to "../b": name leads out of the tree`},
		{"file without a name", retype(tree(t, dir("a/", 0o755)), tar.TypeReg), `pack "a/": not a directory, and named like one`},
		{"directory without a name", tree(t, reg("a//b", "x")), `pack "a//b": name with an empty part`},
		{"file as the root", tree(t, reg(".", "x")), `pack ".": not a directory, and named like one`},
		{"whiteout", tree(t, reg("a/.wh.b", "")), `pack "a/.wh.b": a name that starts with .wh. stands for a deleted file in an image: remove it, or keep its directory on a volume (-v)`},
		{"missing file of a link", tree(t, link("a", "tmp/b")), `pack "a": hard link to "tmp/b", which is not in the tree`},
		{"unknown type", retype(tree(t, reg("a", "")), 'Z'), `pack "a": entries of type 'Z' are not known`},
		{"nothing", nil, `the tree is cut off after "": unexpected EOF`},
		{"no entries", make([]byte, 1024), `the tree is empty`},
		{"not a tar", bytes.Repeat([]byte("Error: no such container\n"), 100), `read the tree after "": archive/tar: invalid tar header`},
		{"short", []byte("Error: no such container\n"), `the tree is cut off after "": unexpected EOF`},
		{"cut in a file", whole[:1500], `the tree is cut off in "a": unexpected EOF`},
		{"cut in the padding", whole[:512+2000+10], `the tree is cut off after "a": unexpected EOF`},
		{"cut before a header", whole[:512+2048], `the tree is cut off after "a": unexpected EOF`},
		{"cut in a header", whole[:512+2048+100], `the tree is cut off after "a": unexpected EOF`},
		{"no end", whole[:len(whole)-1024], `the tree is cut off after "b/": unexpected EOF`},
		{"half an end", whole[:len(whole)-512], `the tree is cut off after "b/": unexpected EOF`},
		{"most of an end", whole[:len(whole)-1], `the tree is cut off after "b/": unexpected EOF`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := repack(t, bytes.NewReader(tt.in), ociarchive.Network{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// retype gives the first entry of a tar another type, and a new checksum.
func retype(b []byte, typ byte) []byte {
	b[156] = typ
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00", sum))
	return b
}

// TestEveryCut cuts a tree everywhere, also inside of every header.
func TestEveryCut(t *testing.T) {
	whole := tree(t, dir("d/", 0o755), reg("a", "12"), file{Name: "b", Time: nanosecond}, reg("tmp/x", "3"), link("c", "tmp/x"))
	f := createArchive(t)
	for n := 0; n < len(whole); n += 61 {
		if _, err := ociarchive.Write(t.Context(), f, bytes.NewReader(whole[:n]), testImage(), ociarchive.Network{}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut to %d of %d bytes: error %v", n, len(whole), err)
		}
	}
	if _, err := ociarchive.Write(t.Context(), f, bytes.NewReader(whole), testImage(), ociarchive.Network{}); err != nil {
		t.Fatal(err)
	}
}

func TestImageIsRefused(t *testing.T) {
	for _, tt := range []struct {
		change func(*ociarchive.Image)
		want   string
	}{
		{func(i *ociarchive.Image) { i.Reference = "" }, `image "": invalid reference format`},
		{func(i *ociarchive.Image) { i.Reference = "docker-bottle/web" }, `image "docker-bottle/web": a tag is needed`},
		{func(i *ociarchive.Image) { i.Platform.Architecture = "" }, `image "docker-bottle/web:3": OS and architecture are needed`},
	} {
		image := testImage()
		tt.change(&image)
		_, err := ociarchive.Write(t.Context(), createArchive(t), failing{}, image, ociarchive.Network{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

var errRead = errors.New("the exporter was killed")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errRead }

func TestReadErrors(t *testing.T) {
	whole := tree(t, reg("a", "1"), reg("tmp/b", "2"))
	for _, n := range []int{0, 512, 513, 1024, len(whole)} {
		in := io.MultiReader(bytes.NewReader(whole[:n]), failing{})
		if _, err := repack(t, in, ociarchive.Network{}); !errors.Is(err, errRead) {
			t.Errorf("after %d bytes: error %v", n, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	in := bytes.NewReader(tree(t, nasty()...))
	if _, err := ociarchive.Write(t.Context(), f, in, testImage(), ociarchive.Network{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
}

// TestTreeIsDrained makes sure that whatever writes the tree is not left with
// a closed pipe.
func TestTreeIsDrained(t *testing.T) {
	in := bytes.NewReader(append(tree(t, reg("a", "1")), bytes.Repeat([]byte("x"), 3<<20)...))
	got, err := repack(t, in, ociarchive.Network{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, []file{reg("a", "1")})
	if in.Len() > 0 {
		t.Errorf("%d bytes were not read", in.Len())
	}
}

func TestCancel(t *testing.T) {
	start := func(t *testing.T, in io.Reader, cancelAfter time.Duration) {
		cause := errors.New("pressed ^C")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		time.AfterFunc(cancelAfter, func() { cancel(cause) })
		began := time.Now()
		_, err := ociarchive.Write(ctx, createArchive(t), in, testImage(), ociarchive.Network{})
		if !errors.Is(err, cause) {
			t.Errorf("error %v, want the cause of the cancel", err)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("returned after %v", d)
		}
	}
	endless := func() io.Reader {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "a", Size: 1 << 40}); err != nil {
			t.Fatal(err)
		}
		return io.MultiReader(&b, zeros{})
	}
	t.Run("before", func(t *testing.T) { start(t, endless(), 0) })
	t.Run("busy", func(t *testing.T) { start(t, endless(), 50*time.Millisecond) })
	t.Run("blocked", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		start(t, r, 50*time.Millisecond)
	})
}

func TestNetworkIsForgotten(t *testing.T) {
	net := ociarchive.Network{
		Host:        "bottle-web",
		Addresses:   []netip.Addr{netip.MustParseAddr("192.168.64.3"), netip.MustParseAddr("fd00::3")},
		Nameservers: []netip.Addr{netip.MustParseAddr("192.168.64.1")},
	}
	big := strings.Repeat("# a comment that nobody reads\n", 1<<16) + "192.168.64.3 bottle-web\n"
	for _, tt := range []struct{ name, file, in, want string }{
		{"address", "etc/hosts", "127.0.0.1 localhost\n192.168.64.3 bottle-web\n::1 localhost\n", "127.0.0.1 localhost\n::1 localhost\n"},
		{"address, other name", "etc/hosts", "127.0.0.1\tlocalhost\n192.168.64.3\tweb.local  web # mine\n", "127.0.0.1\tlocalhost\n"},
		{"address, v6 in full", "etc/hosts", "fd00:0::0003 bottle-web\n::1 localhost", "::1 localhost"},
		{"name at an older address", "etc/hosts", "127.0.0.1 localhost\n192.168.64.9 bottle-web", "127.0.0.1 localhost\n"},
		{"the user's", "etc/hosts", "127.0.1.1 bottle-web\n10.0.0.5 db bottle-web\n10.0.0.6 web\n# 192.168.64.3 bottle-web\n\nnonsense\n", "127.0.1.1 bottle-web\n10.0.0.5 db bottle-web\n10.0.0.6 web\n# 192.168.64.3 bottle-web\n\nnonsense\n"},
		{"only the runtime's", "etc/hosts", "192.168.64.3 bottle-web\n\n", ""},
		{"empty", "etc/hosts", "", ""},
		{"only blanks", "etc/hosts", "\n\n", "\n\n"},
		{"large", "etc/hosts", big, big},
		{"gateway", "etc/resolv.conf", "nameserver 192.168.64.1\n", ""},
		{"gateway and others", "etc/resolv.conf", "# mine\nsearch example.com\n nameserver\t192.168.64.1\nnameserver 9.9.9.9\nnameserver\n", "# mine\nsearch example.com\nnameserver 9.9.9.9\nnameserver\n"},
		{"a file of that name", "srv/etc/hosts", "192.168.64.3 bottle-web\n", "192.168.64.3 bottle-web\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := file{Name: tt.file, Content: tt.in, Mode: 0o640, UID: 1, GID: 2, Time: nanosecond, Xattrs: map[string]string{"user.x": "1"}}
			want := in
			want.Content = tt.want
			got, err := repack(t, bytes.NewReader(tree(t, in, reg("after", "1"))), net)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, []file{want, reg("after", "1")})
			got, err = repack(t, bytes.NewReader(tree(t, in)), ociarchive.Network{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, []file{in})
		})
	}
	links := []file{reg("hosts", "192.168.64.3 bottle-web\n"), link("etc/hosts", "hosts"), symlink("etc/resolv.conf", "../run/resolv.conf")}
	got, err := repack(t, bytes.NewReader(tree(t, links...)), net)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, links)
}

// TestTar packs what the real tar makes of a real tree.
func TestTar(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no GNU tar, and no names that are not UTF-8")
	}
	d := t.TempDir()
	script := exec.CommandContext(t.Context(), "sh", "-ec", `
		umask 022
		mkdir -p etc tmp empty
		chmod 1777 tmp
		printf one >tmp/first
		ln tmp/first etc/second
		printf two >etc/third
		ln etc/third etc/fourth
		truncate -s 10M etc/holes
		printf x | dd of=etc/holes bs=1 seek=5000000 conv=notrunc status=none
		mkfifo -m 600 pipe
		chmod 4711 etc/third
		ln -s ../nowhere etc/link
		printf n >"$(printf 'n\377')"
		printf l >"$(printf '%0200d' 1)"
	`)
	script.Dir = d
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, sparse := range []string{"--no-check-device", "--sparse", "--sparse --format=pax"} {
		args := append([]string{"--create", "--one-file-system", "--sort=name", "--file=-", "--directory=" + d}, strings.Fields(sparse)...)
		out, err := exec.CommandContext(t.Context(), "tar", append(args, ".")...).Output()
		if err != nil {
			t.Fatalf("tar %s: %v", sparse, err)
		}
		got, err := repack(t, bytes.NewReader(out), ociarchive.Network{})
		if err != nil {
			t.Fatalf("tar %s: %v", sparse, err)
		}
		holes := make([]byte, 10<<20)
		holes[5000000] = 'x'
		for _, want := range []file{
			{Type: tar.TypeDir, Name: "./", Mode: 0o755},
			{Type: tar.TypeDir, Name: "empty/", Mode: 0o755},
			{Type: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
			{Type: tar.TypeFifo, Name: "pipe", Mode: 0o600},
			{Type: tar.TypeSymlink, Name: "etc/link", Link: "../nowhere", Mode: 0o777},
			{Type: tar.TypeLink, Name: "etc/third", Link: "etc/fourth", Mode: 0o4711},
			{Name: "etc/fourth", Content: "two", Mode: 0o4711},
			{Name: "etc/second", Content: "one", Mode: 0o644},
			{Name: "etc/holes", Content: string(holes), Mode: 0o644},
			{Name: "n\xff", Content: "n", Mode: 0o644},
			{Name: strings.Repeat("0", 199) + "1", Content: "l", Mode: 0o644},
		} {
			i := 0
			for i < len(got) && got[i].Name != want.Name {
				i++
			}
			if i == len(got) {
				t.Errorf("tar %s: no %q", sparse, want.Name)
				continue
			}
			want.UID, want.GID, want.Time = got[i].UID, got[i].GID, got[i].Time
			compare(t, got[i:i+1], []file{want})
		}
	}
}
