//go:build linux

package containertest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

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
	dir := filepath.Join(os.TempDir(), uuid())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "archive.tar")
	if err := c.exportRoot(c.args[0], archive); err != nil {
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

// exportRoot is the service's part. It lets nobody else in.
func (c *call) exportRoot(id, archive string) error {
	leave, err := c.service()
	if err != nil {
		return err
	}
	defer leave()
	time.Sleep(c.exportDelay)
	ctr, err := c.container(id)
	if err != nil {
		return err
	}
	if ctr == nil || !ctr.exists() {
		return notFound(id)
	}
	if ctr.running() && !c.server.atLeast(1, 2, 1) {
		return failed("invalidState", "container is not stopped")
	}
	if !ctr.unpacked() {
		return fmt.Errorf("file at path %s.ext4 not found", ctr.rootfs())
	}
	f, err := os.OpenFile(archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pack(ctr.rootfs(), f, extents); err != nil {
		return err
	}
	return f.Close()
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
