//go:build linux

package smolvmtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
)

// registry reports whether an image, as a machine records it, is one that has
// to be pulled.
func registry(image string) bool { return !local(image) && image != "" }

func local(image string) bool { return strings.HasPrefix(image, "local:") }

// image finds out what --image means: a path by its looks, else a reference,
// and never the name of an image of Docker's.
func (c *call) image() (string, error) {
	ref := c.value("image")
	switch {
	case !c.has("image"):
		return "", unfaked("a machine without an image")
	case ref == "":
		return "", c.invalid("image", "a value is required")
	case ref == "-":
		return "", unfaked("machine create --image -")
	case !archive(ref):
		return ref, nil
	}
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		return "", unfaked("a root directory as the image")
	}
	return c.keepArchive(ref)
}

func archive(ref string) bool {
	for _, start := range []string{"/", "./", "../"} {
		if strings.HasPrefix(ref, start) {
			return true
		}
	}
	for _, end := range []string{".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(ref, end) {
			return true
		}
	}
	return false
}

// keepArchive puts the archive into the cache, as a link to the file where
// that can be, and returns what the machine records.
func (c *call) keepArchive(path string) (string, error) {
	limit := int64(8 << 30)
	if c.has("max-image-size") {
		n, err := units.RAMInBytes(c.value("max-image-size"))
		if err != nil {
			return "", c.invalid("max-image-size", err.Error())
		}
		limit = n
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", configError("--image", "cannot read archive %s: No such file or directory (os error 2)", path)
	}
	if err != nil {
		return "", configError("--image", "cannot read archive %s: %v", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() > limit {
		return "", configError("--image", "image archive is %d bytes, over the %d-byte limit. Raise it with --max-image-size <SIZE>", info.Size(), limit)
	}
	start := make([]byte, 512)
	n, _ := io.ReadFull(f, start)
	if text := bytes.ToUpper(bytes.TrimSpace(start[:n])); bytes.HasPrefix(text, []byte("FROM ")) {
		return "", configError("--image", "%s looks like a Dockerfile, not an image. Build it first and pass the archive.", path)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	return "local:" + sum, link(path, c.archive(sum))
}

func (s settings) archive(sum string) string { return s.path("image-archives", sum, "archive.tar") }

// link makes a second name for a file, or a copy where there can be none.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
