package bottle

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher/ignorefile"
)

// packWorkspace streams dir as a tar archive, without what its .dockerignore
// excludes.
func packWorkspace(dir string) (io.ReadCloser, error) {
	excludes, err := readIgnore(dir)
	if err != nil {
		return nil, err
	}
	return archive.TarWithOptions(dir, &archive.TarOptions{ExcludePatterns: excludes})
}

func readIgnore(dir string) ([]string, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, ".dockerignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	return ignorefile.ReadAll(f)
}
