package ociarchive

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// packer copies a tree into a layer. What may be needed again is put aside.
type packer struct {
	layer *layer
	aside aside
	net   Network
	drop  func(*tar.Header) bool // or nil
}

func (p *packer) pack(ctx context.Context, w io.Writer, tree io.Reader) error {
	src, stop := newSource(ctx, tree)
	defer stop()
	p.layer = newLayer(w)
	defer p.aside.Close()
	if err := p.entries(src); err != nil {
		return err
	}
	if err := p.aside.restore(p.layer); err != nil {
		return err
	}
	if err := p.layer.Close(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, src)
	return err
}

// entries packs all entries of a tree. The tar reader takes a tree that ends
// after any entry for a whole one: here only the end-of-archive marker, which
// it does not read past, is the end.
func (p *packer) entries(src *source) error {
	last := ""
	for r := tar.NewReader(bufio.NewReaderSize(src, bufferSize)); ; {
		hdr, err := r.Next()
		switch {
		case err == io.EOF && !src.ended && last == "":
			return errors.New("the tree is empty")
		case err == io.EOF && !src.ended:
			return nil
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the tree is cut off after %q: %w", last, io.ErrUnexpectedEOF)
		case err != nil && !errors.Is(err, tar.ErrInsecurePath): // names are checked here
			return fmt.Errorf("read the tree after %q: %w", last, err)
		}
		last = hdr.Name
		err = p.entry(hdr, r)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the tree is cut off in %q: %w", last, err)
		case err != nil:
			return fmt.Errorf("pack %q: %w", last, err)
		}
	}
}

// entry puts an entry where it belongs.
func (p *packer) entry(hdr *tar.Header, content io.Reader) error {
	hdr, err := entry(hdr)
	if err != nil {
		return err
	}
	switch {
	case p.drop != nil && p.drop(hdr):
		return nil
	case p.aside.scratch.has(hdr.Name):
		return p.aside.keep(hdr, content)
	case isWhiteout(hdr.Name):
		return errors.New("a name that starts with .wh. stands for a deleted file in an image: remove it, or keep its directory on a volume (-v)")
	case hdr.Typeflag == tar.TypeLink && p.aside.has(hdr.Linkname):
		p.aside.link(hdr)
		return nil
	}
	content, err = p.net.edit(hdr, content)
	if err != nil {
		return err
	}
	return p.layer.write(hdr, content)
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
		return nil, nameError("not a directory, and named like one")
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
