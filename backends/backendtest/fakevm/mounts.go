//go:build linux

package fakevm

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is something that the programs see and their root does not hold.
type Mount struct {
	Type     string `json:"type"` // bind or tmpfs
	Source   string `json:"source,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// devices are those of this system that a program may use.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// mount puts everything into the machine's own mount namespace.
func (v *VM) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	root := v.Request.Root
	mountDevices(root)
	for _, m := range v.Request.Mounts {
		target, err := Scoped(root, m.Target)
		if err != nil {
			return err
		}
		if m.Type == "tmpfs" {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			err = unix.Mount("tmpfs", target, "tmpfs", 0, "mode=1777")
		} else {
			err = bind(m.Source, target, m.ReadOnly)
		}
		if err != nil {
			return &Failure{Reason: NoMount, Name: m.Target, Text: err.Error()}
		}
	}
	if !v.Request.ReadOnly {
		return nil
	}
	return bind(root, root, true)
}

// Unmount frees the root for its removal.
func (v *VM) Unmount() {
	for i := len(v.Request.Mounts) - 1; i >= 0; i-- {
		if target, err := Scoped(v.Request.Root, v.Request.Mounts[i].Target); err == nil {
			_ = unix.Unmount(target, unix.MNT_DETACH)
		}
	}
	for _, name := range []string{"dev", "sys", "proc", ""} {
		_ = unix.Unmount(filepath.Join(v.Request.Root, name), unix.MNT_DETACH)
	}
}

func bind(source, target string, readOnly bool) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else {
		err = touch(target)
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil || !readOnly {
		return err
	}
	return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func touch(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// mountDevices populates /dev and /sys as far as this process may.
func mountDevices(root string) {
	if sys, ok := directory(root, "sys"); ok {
		_ = unix.Mount("sysfs", sys, "sysfs", unix.MS_RDONLY, "")
	}
	dev, ok := directory(root, "dev")
	if !ok || unix.Mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID, "mode=755") != nil {
		return
	}
	for _, name := range devices {
		_ = bind("/dev/"+name, filepath.Join(dev, name), false)
	}
	pts := filepath.Join(dev, "pts")
	if os.Mkdir(pts, 0o755) == nil && unix.Mount("devpts", pts, "devpts", 0, "newinstance,ptmxmode=0666,mode=0620") == nil {
		_ = os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx"))
	}
	_ = os.Mkdir(filepath.Join(dev, "shm"), 0o1777)
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		_ = os.Symlink(to, filepath.Join(dev, name))
	}
}

// directory makes a mount point of that name, unless an image has made
// something else of it.
func directory(root, name string) (string, bool) {
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return dir, false
	}
	info, err := os.Lstat(dir)
	return dir, err == nil && info.IsDir()
}

// Scoped follows the links in name as a program that has root as its root
// would, so that none leads out of it. The last element need not exist.
func Scoped(root, name string) (string, error) {
	done, rest := "/", name
	for links := 0; rest != ""; {
		first, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		rest = after
		next := path.Join(done, first)
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			done = next // no link, or nothing yet
			continue
		}
		if links++; links > 40 {
			return "", &fs.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(to) {
			done = "/"
		}
		rest = to + "/" + rest
	}
	return filepath.Join(root, done), nil
}
