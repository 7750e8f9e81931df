package ociarchive

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// pack copies a tree into a layer. What may be needed again is put aside in a
// file in the directory dir.
func pack(ctx context.Context, w io.Writer, tree io.Reader, net Network, dir string) error {
	src, stop := newSource(ctx, tree)
	defer stop()
	in := bufio.NewReaderSize(src, bufferSize)
	layer := newLayer(w)
	aside := &aside{dir: dir}
	defer aside.Close()
	last := ""
	for r := tar.NewReader(in); ; {
		hdr, err := r.Next()
		if err == io.EOF && !src.ended {
			break
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("the tree is cut off after %q: %w", last, io.ErrUnexpectedEOF)
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are checked here
			return fmt.Errorf("read the tree after %q: %w", last, err)
		}
		last = hdr.Name
		if err := packEntry(layer, aside, net, hdr, r); err != nil {
			return fmt.Errorf("pack %q: %w", last, err)
		}
	}
	if last == "" {
		return errors.New("the tree is empty")
	}
	if err := aside.restore(layer); err != nil {
		return err
	}
	if err := layer.Close(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// packEntry puts an entry where it belongs.
func packEntry(layer *layer, aside *aside, net Network, hdr *tar.Header, content io.Reader) error {
	hdr, err := entry(hdr)
	if err != nil {
		return err
	}
	switch {
	case leftOut(hdr.Name):
		return aside.keep(hdr, content)
	case isWhiteout(hdr.Name):
		return errors.New("a name that starts with .wh. stands for a deleted file in an image")
	case hdr.Typeflag == tar.TypeLink && aside.has(hdr.Linkname):
		aside.link(hdr)
		return nil
	}
	content, err = net.edit(hdr, content)
	if err != nil {
		return err
	}
	return layer.write(hdr, content)
}

// entry returns the header of a file as a layer is to have it: with clean
// names, and with no more than what a file is in a tree. Names of owners, of
// which there are none in an image, are dropped.
func entry(hdr *tar.Header) (*tar.Header, error) {
	name, err := clean(hdr.Name)
	if err != nil {
		return nil, err
	}
	e := &tar.Header{
		Typeflag: hdr.Typeflag,
		Name:     name,
		Linkname: hdr.Linkname,
		Mode:     hdr.Mode & 0o7777,
		Uid:      hdr.Uid,
		Gid:      hdr.Gid,
		ModTime:  hdr.ModTime,
	}
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse: // the reader fills the holes
		e.Typeflag, e.Size, e.Linkname = tar.TypeReg, hdr.Size, ""
	case tar.TypeLink:
		if e.Linkname, err = clean(hdr.Linkname); err != nil {
			return nil, fmt.Errorf("hard link to %q: %w", hdr.Linkname, err)
		}
	case tar.TypeChar, tar.TypeBlock:
		e.Devmajor, e.Devminor = hdr.Devmajor, hdr.Devminor
	case tar.TypeSymlink, tar.TypeDir, tar.TypeFifo:
	default:
		return nil, fmt.Errorf("entries of type %q are not known", hdr.Typeflag)
	}
	if e.Typeflag != tar.TypeDir && (name == root || strings.HasSuffix(hdr.Name, "/")) {
		return nil, errors.New("not a directory, and named like one")
	}
	e.PAXRecords = xattrs(hdr)
	return e, nil
}

// xattrs are those of the entry, as records.
func xattrs(hdr *tar.Header) map[string]string {
	records := map[string]string{}
	for k, v := range hdr.PAXRecords {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			records[k] = v
		}
	}
	return records
}

// layer is the tar of a layer.
type layer struct {
	w   *tar.Writer
	buf []byte
}

func newLayer(w io.Writer) *layer {
	return &layer{w: tar.NewWriter(w), buf: make([]byte, bufferSize)}
}

// write appends an entry. It takes the header over.
func (l *layer) write(hdr *tar.Header, content io.Reader) error {
	if hdr.Typeflag == tar.TypeDir {
		hdr.Name += "/"
	}
	hdr.Format = tar.FormatUnknown // the plainest that can hold the entry
	if hdr.ModTime.Nanosecond() != 0 {
		hdr.Format = tar.FormatPAX // others would round it
	}
	if !utf8.ValidString(hdr.Name) || !utf8.ValidString(hdr.Linkname) {
		hdr.PAXRecords["hdrcharset"] = "BINARY" // or the records would have to be UTF-8
	}
	if err := l.w.WriteHeader(hdr); err != nil {
		return err
	}
	if hdr.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.CopyBuffer(l.w, content, l.buf)
	return err
}

// Close ends the tar, and leaves the writer open.
func (l *layer) Close() error { return l.w.Close() }
