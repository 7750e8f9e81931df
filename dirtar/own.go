package dirtar

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
	"time"
)

// Own copies the tar stream src, with every entry below dir, an absolute path,
// and owned by the given ids.
func Own(dst io.Writer, src io.Reader, dir string, uid, gid int) error {
	out := tar.NewWriter(dst)
	dir = strings.TrimPrefix(dir, "/") + "/"
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, Uid: uid, Gid: gid, ModTime: time.Now()}); err != nil {
		return err
	}
	in := tar.NewReader(src)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		} else if err != nil {
			return err
		}
		h.Name = dir + h.Name
		if h.Typeflag == tar.TypeLink {
			h.Linkname = dir + h.Linkname
		}
		h.Uid, h.Gid, h.Uname, h.Gname = uid, gid, "", ""
		h.Format = tar.FormatPAX // the one it was read in may be too small for the new names and ids
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}
