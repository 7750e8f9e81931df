// Package dirtar streams a directory as a tar archive, the way the Docker CLI
// sends a build context: without what its .dockerignore excludes.
package dirtar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

// Open returns the archive of dir. A file that cannot be read is an error of
// the stream, never a file that is missing from it; a socket, which tar cannot
// hold, is an empty file in it. The names in keep are in it whatever
// .dockerignore says. The stream ends when it is closed or ctx ends.
func Open(ctx context.Context, dir string, keep ...string) (io.ReadCloser, error) {
	return OpenIgnoring(ctx, dir, filepath.Join(dir, ".dockerignore"), keep...)
}

// OpenIgnoring is Open with another file in the place of .dockerignore. It
// need not be there.
func OpenIgnoring(ctx context.Context, dir, ignore string, keep ...string) (io.ReadCloser, error) {
	excludes, err := readIgnore(ignore)
	if err != nil {
		return nil, err
	}
	if len(excludes) > 0 {
		for _, name := range keep {
			excludes = append(excludes, "!"+name)
		}
	}
	all, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	tree, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: excludes})
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(fsutil.WriteTar(ctx, tree, w)) }()
	return r, nil
}

func readIgnore(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return patterns, nil
}
