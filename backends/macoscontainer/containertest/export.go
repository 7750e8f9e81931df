//go:build linux

package containertest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func exportCommand() *command {
	return &command{
		path:    "export",
		about:   "Export a container's filesystem as a tar archive",
		options: "-o --output <output>",
		args:    "<container-id>",
		run:     runExport,
	}
}

// runExport has the service write the whole archive into a temporary
// directory, and then moves or prints it.
func runExport(c *call) error {
	if err := c.checkID(c.args[0]); err != nil {
		return err
	}
	dir, err := c.tempDir(uuid())
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "archive.tar")
	if err := requestService("export", exportRequest{c.args[0], archive}); err != nil {
		return failed("internalError", "failed to export container").because(err)
	}
	if !c.has("output") {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.CopyBuffer(struct{ io.Writer }{os.Stdout}, struct{ io.Reader }{f}, make([]byte, 4096))
		return err
	}
	return c.move(archive, c.last("output"))
}

// tempDir makes a directory where the real tool makes its own: in the user's
// place for temporary files, whatever TMPDIR says.
func (c *call) tempDir(name string) (string, error) {
	dir := filepath.Join(c.root, "tmp", name)
	return dir, os.MkdirAll(dir, 0o700)
}

// move moves the archive, over an existing file only in newer versions.
func (c *call) move(archive, output string) error {
	if _, err := os.Lstat(output); err == nil && !c.cli.atLeast(1, 2, 1) {
		return failed("unknown", "“archive.tar” couldn’t be moved to “%s” because an item with the same name already exists.", filepath.Base(filepath.Dir(output)))
	}
	err := os.Rename(archive, output)
	if !errors.Is(err, unix.EXDEV) {
		if errors.Is(err, fs.ErrNotExist) {
			return failed("unknown", "“archive.tar” couldn’t be moved to “%s” because either the former doesn’t exist, or the folder containing the latter doesn’t exist.", filepath.Base(filepath.Dir(output)))
		}
		return err
	}
	from, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(output)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.Close()
}
