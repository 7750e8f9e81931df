package agents

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// ownName is a name that needs no quotes, and is a directory's on any system.
var ownName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Copy makes an agent of the user's own, name, with all the files of a, and
// returns its directory. One that is there is not touched: the error matches
// fs.ErrExist, and the directory is returned too. After any other error there is
// no such agent.
func Copy(a Agent, name, configDir string) (dir string, err error) {
	if !ownName.MatchString(name) {
		return "", fmt.Errorf("%q cannot be an agent's name: use letters, digits, dots, _ and -, and begin with a letter or digit", name)
	}
	dir = filepath.Join(ownDir(configDir), name)
	if _, err := os.Lstat(dir); err == nil {
		return dir, fmt.Errorf("agent %s: %s: %w", name, dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	from, cleanup, err := a.Open()
	if err != nil {
		return "", err
	}
	defer cleanup()
	if err := os.MkdirAll(ownDir(configDir), 0o777); err != nil {
		return "", err
	}
	// Under a hidden name until it is whole.
	temp, err := os.MkdirTemp(ownDir(configDir), ".copy-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	whole := filepath.Join(temp, name)
	if err := os.CopyFS(whole, os.DirFS(from)); err != nil {
		return "", fmt.Errorf("copying %s: %w", from, err)
	}
	return dir, os.Rename(whole, dir)
}
