//go:build linux

package containertest

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func imageLoadCommand() *command {
	return &command{
		path:       "image load",
		about:      "Load images from an OCI compatible tar archive",
		options:    "-i --input <input>\n-f --force 0.8.0",
		configured: true,
		run:        runImageLoad,
	}
}

func runImageLoad(c *call) error {
	in := os.Stdin
	if c.has("input") {
		f, err := os.Open(c.last("input"))
		if errors.Is(err, fs.ErrNotExist) {
			warn("file does not exist", "path", c.last("input"))
			return silent{}
		}
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	dir, err := c.tempDir(strings.ToUpper(uuid()))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rejected, err := extract(in, dir)
	if err != nil {
		return err
	}
	if len(rejected) > 0 {
		if !c.has("force") {
			return failed("invalidArgument", "cannot load tar image with rejected paths: %s", quoted(rejected))
		}
		warn("rejected members of the archive", "paths", quoted(rejected))
	}
	l, err := c.readLayout(dir)
	if err != nil {
		return err
	}
	loaded, err := l.store()
	if err != nil {
		return err
	}
	if err := c.tryUnpack(loaded); err != nil {
		return err
	}
	fmt.Println(loaded.Reference)
	return nil
}

// tryUnpack makes the file systems of the image's platforms. Only whether
// that works matters here: a container unpacks its own.
func (c *call) tryUnpack(i image) error {
	all, err := c.variants(i.Descriptor)
	if err != nil {
		return err
	}
	for _, v := range all {
		tmp, err := os.MkdirTemp(c.root, "snapshot")
		if err != nil {
			return err
		}
		err = c.unpack(v, filepath.Join(tmp, "rootfs"))
		if gone := fakevm.Remove(tmp); err == nil {
			err = gone
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extract unpacks an archive, which may be compressed, and returns what it
// does not take: anything but files and directories below dir.
func extract(in io.Reader, dir string) (rejected []string, err error) {
	r, err := uncompressed(in)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return rejected, nil
		}
		if err != nil {
			return nil, failed("internalError", "failed to extract archive: Unrecognized archive format (%v)", err)
		}
		name := path.Clean(h.Name)
		switch {
		case !filepath.IsLocal(name):
			rejected = append(rejected, h.Name)
		case h.Typeflag == tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case h.Typeflag == tar.TypeReg:
			err = write(root, name, archive)
		default:
			rejected = append(rejected, h.Name)
		}
		if err != nil {
			return nil, err
		}
	}
}

func write(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return failed("internalError", "failed to extract archive: Truncated tar archive (%v)", err)
	}
	return f.Close()
}

func uncompressed(in io.Reader) (io.Reader, error) {
	r := bufio.NewReader(in)
	start, _ := r.Peek(4) // shorter: no archive, which the reader finds out
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.Equal(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return r, nil
}

func quoted(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = fmt.Sprintf("%q", text)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
