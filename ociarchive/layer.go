package ociarchive

import (
	"archive/tar"
	"io"
	"unicode/utf8"
)

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
