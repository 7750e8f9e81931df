//go:build linux

package fakevm

import (
	"archive/tar"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Header describes the file of that name below root, as it is in an archive
// but for its xattrs. The inode is 0 unless there are more links to the file.
// There is no header for what is neither a file, a directory nor a link.
func Header(root, name string) (h *tar.Header, inode uint64, err error) {
	file := filepath.Join(root, name)
	info, err := os.Lstat(file)
	if err != nil {
		return nil, 0, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	h = &tar.Header{
		Name:    name,
		Mode:    int64(stat.Mode & 0o7777),
		Uid:     int(stat.Uid),
		Gid:     int(stat.Gid),
		ModTime: info.ModTime(),
	}
	switch {
	case info.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return h, 0, nil
	case info.Mode().IsRegular():
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
	case info.Mode().Type() == fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = os.Readlink(file); err != nil {
			return nil, 0, err
		}
	default:
		return nil, 0, nil
	}
	if stat.Nlink > 1 {
		inode = stat.Ino
	}
	return h, inode, nil
}

// SetOwner gives a file the owner, if root runs this, and the mode of an
// archive's entry.
func SetOwner(file string, h *tar.Header) error {
	if os.Geteuid() == 0 {
		if err := os.Lchown(file, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	return unix.Chmod(file, uint32(h.Mode)&0o7777)
}

// SetTime gives a file the time of an archive's entry.
func SetTime(file string, h *tar.Header) error {
	when := unix.NsecToTimespec(h.ModTime.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, file, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}
