//go:build linux

package smolvmtest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// member is an entry of a layer.
type member struct {
	header  tar.Header
	content []byte
}

func file(name, content string, mode int64) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}, []byte(content)}
}

func dir(name string, mode int64) member {
	return member{header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}}
}

func symlink(name, to string) member {
	return member{header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}}
}

func owned(m member, uid, gid int) member {
	m.header.Uid, m.header.Gid = uid, gid
	return m
}

func layerOf(members ...member) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		h := m.header
		h.ModTime, h.Format = time.Unix(1e9, 0), tar.FormatPAX
		if os.Geteuid() != 0 {
			h.Uid, h.Gid = os.Getuid(), os.Getgid()
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
}

func imageOf(config v1.Config, layers ...v1.Layer) (v1.Image, error) {
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	return mutate.Config(img, config)
}

// writeBase writes an image of two layers, the second of which takes a file of
// the first away.
func writeBase(path, busybox string) error {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	members := []member{
		dir("bin/", 0o755), file("bin/busybox", string(program), 0o755), dir("etc/", 0o755), dir("tmp/", 0o1777), dir("srv/", 0o755),
		file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n", 0o644),
		file("etc/group", "root:x:0:\ndev:x:1000:\naudio:x:29:dev\n", 0o644),
		dir("home/", 0o755), owned(dir("home/dev/", 0o755), 1000, 1000), owned(file("home/dev/notes", "hello\n", 0o600), 1000, 1000), file("srv/gone", "", 0o644),
	}
	tagged := file("srv/tagged", "", 0o4755)
	tagged.header.PAXRecords = map[string]string{"SCHILY.xattr.user.kind": "base"}
	members = append(members, tagged)
	for _, name := range []string{"sh", "cat", "echo", "env", "id", "ls", "mkdir", "pwd", "rm", "sleep", "stat", "touch", "true", "kill", "chown", "chmod", "ln", "dd", "ps", "stty", "wc", "grep", "getfattr", "test", "readlink", "mount", "head", "tail", "find", "sort"} {
		members = append(members, symlink("bin/"+name, "busybox"))
	}
	first, err := layerOf(members...)
	if err != nil {
		return err
	}
	second, err := layerOf(file("srv/.wh.gone", "", 0o644), file("srv/second", "2\n", 0o644))
	if err != nil {
		return err
	}
	img, err := imageOf(v1.Config{
		Env: []string{"PATH=/bin", "COLOR=blue"}, WorkingDir: "/srv", User: "dev",
		Cmd: []string{"sh", "-c", "echo $COLOR >/tmp/began; while :; do sleep 1; done"},
	}, first, second)
	if err != nil {
		return err
	}
	return writeImage(path, img, "base:1")
}

// imageCommand is image FILE KIND: an archive that cannot boot, or not well.
func imageCommand(ts *testscript.TestScript, neg bool, args []string) {
	layer, err := layerOf(file("a", "1", 0o644))
	ts.Check(err)
	img, err := imageOf(v1.Config{}, layer)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	switch args[1] {
	case "two":
		ts.Check(writeImage(path, img, "one:1", "two:1"))
	case "no-manifest":
		ts.Check(os.WriteFile(path, bare("index.json", "oci-layout"), 0o644))
	case "no-shell":
		ts.Check(writeImage(path, img, "base:1"))
	default:
		ts.Fatalf("no such kind of image: %s", args[1])
	}
}

// writeImage writes an archive with one entry for each name.
func writeImage(path string, img v1.Image, names ...string) error {
	tags := map[name.Tag]v1.Image{}
	for i, text := range names {
		tag, err := name.NewTag(text)
		if err != nil {
			return err
		}
		// Images that are the same have one entry.
		if tags[tag], err = mutate.Config(img, v1.Config{User: strconv.Itoa(i)}); err != nil {
			return err
		}
		if len(names) == 1 {
			tags[tag] = img
		}
	}
	return tarball.MultiWriteToFile(path, tags)
}

func bare(names ...string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 2}) // to memory
		_, _ = w.Write([]byte("{}"))
	}
	_ = w.Close()
	return out.Bytes()
}

// manifestCommand is manifest FILE: what the artifact says of itself, and its
// files.
func manifestCommand(ts *testscript.TestScript, neg bool, args []string) {
	a, err := openArtifact(ts.MkAbs(args[0]))
	if neg {
		if err == nil {
			ts.Fatalf("%s is an artifact", args[0])
		}
		return
	}
	ts.Check(err)
	ts.Check(a.verify())
	e := json.NewEncoder(ts.Stdout())
	ts.Check(e.Encode(a.manifest))
	tmp, err := os.MkdirTemp(ts.MkAbs("."), "assets")
	ts.Check(err)
	shared := filepath.Join(tmp, "assets")
	ts.Check(settings{}.extract(a, shared))
	f, err := os.Open(filepath.Join(shared, a.manifest.layer()))
	ts.Check(err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%c %04o %d:%d %s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name)
		if h.Linkname != "" {
			fmt.Fprintf(ts.Stdout(), " -> %s", h.Linkname)
		}
		for key, value := range h.PAXRecords {
			fmt.Fprintf(ts.Stdout(), " %s=%q", key, value)
		}
		fmt.Fprintln(ts.Stdout())
	}
}

// reboot ends all machines without telling anybody.
func reboot(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(Reboot(ts.Getenv("SMOLVMTEST_ROOT")))
}

// status N PROGRAM ARGS... runs a program that has to end with status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// vanished FILE waits until the process whose pid is in FILE has ended.
func vanished(ts *testscript.TestScript, neg bool, args []string) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	if !fakevm.ProcessOf(pid).Ended(10 * time.Second) {
		ts.Fatalf("process %d is still there", pid)
	}
}
