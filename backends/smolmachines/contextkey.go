package smolmachines

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/dirtar"
)

// contextKey is the same for build contexts that would be built into the same
// image: names, modes and contents, and not times and owners, as docker build
// has it.
func contextKey(ctx context.Context, src backends.Source) (string, error) {
	dockerfile, err := os.ReadFile(src.Dockerfile)
	if err != nil {
		return "", err
	}
	name, err := filepath.Rel(src.Dir, src.Dockerfile)
	if err != nil {
		return "", err
	}
	keep := []string{".dockerignore"}
	if filepath.IsLocal(name) {
		keep = append(keep, filepath.ToSlash(name))
	}
	tree, err := dirtar.OpenIgnoring(ctx, src.Dir, ignoreFile(src), keep...)
	if err != nil {
		return "", err
	}
	defer tree.Close()
	hash := sha256.New()
	// JSON, so that no two lists of parts are the same text; of bytes, where
	// it would take all that is not UTF-8 for the same.
	parts := json.NewEncoder(hash)
	if err := parts.Encode([]any{runtime.GOARCH, filepath.ToSlash(name), dockerfile}); err != nil {
		return "", err
	}
	in := tar.NewReader(tree)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(hash.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
		if err := parts.Encode([]any{[]byte(h.Name), h.Typeflag, h.Mode, []byte(h.Linkname), h.Size, attributes(h)}); err != nil {
			return "", err
		}
		if _, err := io.Copy(hash, in); err != nil {
			return "", err
		}
	}
}

// ignoreFile is the file by which BuildKit and Apple's container leave files out
// of the context. Where Docker has only its classic builder, that knows none but
// .dockerignore.
func ignoreFile(src backends.Source) string {
	own := src.Dockerfile + ".dockerignore"
	if _, err := os.Stat(own); !errors.Is(err, fs.ErrNotExist) {
		return own
	}
	return filepath.Join(src.Dir, ".dockerignore")
}

// attributes are a file's extended ones.
func attributes(h *tar.Header) map[string][]byte {
	all := map[string][]byte{}
	for name, value := range h.PAXRecords {
		if strings.HasPrefix(name, "SCHILY.xattr.") {
			all[name] = []byte(value)
		}
	}
	return all
}
