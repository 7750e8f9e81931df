//go:build linux

package containertest

import (
	"archive/tar"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func (t *tree) owner(target string, h *tar.Header) error {
	if t.asRoot {
		if err := os.Lchown(target, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	return unix.Chmod(target, uint32(h.Mode)&0o7777)
}

// xattrRoom is what fits behind an inode and in one more block.
const xattrRoom = 4096 + 96

func (t *tree) attributes(target string, h *tar.Header) error {
	if err := t.owner(target, h); err != nil {
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
	when := unix.NsecToTimespec(h.ModTime.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, target, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}
