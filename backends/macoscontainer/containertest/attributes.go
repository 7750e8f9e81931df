//go:build linux

package containertest

import (
	"archive/tar"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// xattrRoom is what fits behind an inode and in one more block.
const xattrRoom = 4096 + 96

func (t *tree) attributes(target string, h *tar.Header) error {
	if err := fakevm.SetOwner(target, h); err != nil {
		return err
	}
	size := 0
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok {
			continue
		}
		if size += len(name) + len(value) + 16; size > xattrRoom {
			return fmt.Errorf("insufficientSpace(%q)", "/"+h.Name)
		}
		// Without root, only the user's own xattrs can be kept.
		if err := unix.Lsetxattr(target, name, []byte(value), 0); err != nil && t.asRoot {
			return fmt.Errorf("%s: xattr %s: %w", h.Name, name, err)
		}
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	return fakevm.SetTime(target, h)
}
