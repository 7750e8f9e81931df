//go:build linux

package containertest

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// copy is the COPY instruction.
func (b *builder) copy(text string) error {
	uid, gid := 0, 0
	args := strings.Fields(b.expand(text))
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		owner, ok := strings.CutPrefix(args[0], "--chown=")
		if !ok {
			return fmt.Errorf("containertest: %s is not faked", args[0])
		}
		var err error
		if uid, gid, err = numericOwner(owner); err != nil {
			return err
		}
		args = args[1:]
	}
	if len(args) < 2 || strings.HasPrefix(args[0], "<<") {
		return fmt.Errorf("COPY requires at least two arguments")
	}
	target := args[len(args)-1]
	if !path.IsAbs(target) {
		target = path.Join("/", b.image.Config.WorkingDir, target)
		if strings.HasSuffix(args[len(args)-1], "/") {
			target += "/"
		}
	}
	sources, err := b.sources(args[:len(args)-1])
	if err != nil {
		return err
	}
	if len(sources) > 1 && !strings.HasSuffix(target, "/") {
		return fmt.Errorf("when using COPY with more than one source file, the destination must be a directory and end with a /")
	}
	for _, source := range sources {
		if err := b.copyOne(source, target, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func numericOwner(text string) (uid, gid int, err error) {
	first, second, ok := strings.Cut(text, ":")
	if uid, err = strconv.Atoi(first); err != nil {
		return 0, 0, fmt.Errorf("containertest: --chown takes numbers here, not %s", text)
	}
	if !ok {
		return uid, uid, nil
	}
	gid, err = strconv.Atoi(second)
	return uid, gid, err
}

// sources are the files that the patterns mean, relative to the context.
func (b *builder) sources(patterns []string) ([]string, error) {
	skip, err := b.ignored()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, pattern := range patterns {
		pattern = path.Clean("/" + pattern)[1:]
		if pattern == "" {
			all = append(all, ".")
			continue
		}
		found, err := fs.Glob(os.DirFS(b.context), pattern)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, name := range found {
			if !skip(name) {
				all = append(all, name)
			}
		}
		if len(all) == before {
			return nil, fmt.Errorf("%q: not found", "/"+pattern)
		}
	}
	return all, nil
}

// copyOne copies a file to target or into it, or what a directory holds.
func (b *builder) copyOne(source, target string, uid, gid int) error {
	skip, err := b.ignored()
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(b.context, source))
	if err != nil {
		return err
	}
	to, err := fakevm.Scoped(b.root, target)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if in, err := os.Stat(to); strings.HasSuffix(target, "/") || err == nil && in.IsDir() {
			to = filepath.Join(to, filepath.Base(source))
		}
	}
	if err := b.makeDirs(filepath.Dir(to), uid, gid); err != nil {
		return err
	}
	from := filepath.Join(b.context, source)
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if inContext := filepath.Join(source, below); inContext != "." && skip(inContext) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return b.place(name, filepath.Join(to, below), uid, gid)
	})
}

// place copies one file, directory or link.
func (b *builder) place(from, to string, uid, gid int) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		if err := b.makeDirs(to, uid, gid); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode())
	case info.Mode().Type() == fs.ModeSymlink:
		text, err := os.Readlink(from)
		if err != nil {
			return err
		}
		_ = os.Remove(to) // replaced
		if err := os.Symlink(text, to); err != nil {
			return err
		}
		return chown(to, uid, gid)
	case !info.Mode().IsRegular():
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	_ = os.Remove(to) // replaced
	if err := os.WriteFile(to, data, 0o600); err != nil {
		return err
	}
	if err := chown(to, uid, gid); err != nil {
		return err
	}
	if err := os.Chmod(to, info.Mode()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

func (b *builder) makeDirs(dir string, uid, gid int) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := b.makeDirs(filepath.Dir(dir), uid, gid); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return chown(dir, uid, gid)
}

func chown(name string, uid, gid int) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(name, uid, gid)
}

func readIgnore(r io.Reader) ([]string, error) { return ignorefile.ReadAll(r) }

// ignored returns a function that says whether a path of the context is left
// out.
func (b *builder) ignored() (func(string) bool, error) {
	m, err := patternmatcher.New(b.ignore)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		out, err := m.MatchesOrParentMatches(name)
		return err == nil && out
	}, nil
}
