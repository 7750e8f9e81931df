//go:build linux

package smolvmtest

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// osError is how Rust prints the error of a system call.
func osError(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	for known, rust := range map[syscall.Errno]string{
		unix.ENOENT: "No such file or directory",
		unix.ENOSPC: "No space left on device",
		unix.EACCES: "Permission denied",
		unix.EISDIR: "Is a directory",
		unix.EAGAIN: "Resource temporarily unavailable",
	} {
		if errno == known {
			text = rust
		}
	}
	return fmt.Sprintf("%s (os error %d)", text, int(errno))
}

func ioError(err error) error { return errors.New("I/O error: " + osError(err)) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
