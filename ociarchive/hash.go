package ociarchive

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
)

// hashWriter is a buffered writer that hashes what it writes. The hash is
// computed beside the writing, and beside the making of what comes next: of
// all that is done to a tree it takes longest.
type hashWriter struct {
	w    io.Writer
	buf  []byte
	todo chan []byte // to be hashed
	free chan []byte // have been
	hash chan hash.Hash
}

// newHashWriter starts a goroutine, which Close ends.
func newHashWriter(w io.Writer) *hashWriter {
	const spare = 3
	h := &hashWriter{
		w:    w,
		buf:  make([]byte, 0, bufferSize),
		todo: make(chan []byte, spare),
		free: make(chan []byte, spare+1),
		hash: make(chan hash.Hash, 1),
	}
	for range spare {
		h.free <- make([]byte, 0, bufferSize)
	}
	go func() {
		sum := sha256.New()
		for p := range h.todo {
			sum.Write(p)
			h.free <- p[:0]
		}
		h.hash <- sum
	}()
	return h
}

func (h *hashWriter) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		n := copy(h.buf[len(h.buf):cap(h.buf)], p)
		h.buf, p = h.buf[:len(h.buf)+n], p[n:]
		if len(h.buf) < cap(h.buf) {
			break
		}
		if err := h.Flush(); err != nil {
			return size - len(p), err
		}
	}
	return size, nil
}

// Flush writes what is buffered.
func (h *hashWriter) Flush() error {
	h.todo <- h.buf
	_, err := h.w.Write(h.buf)
	h.buf = <-h.free
	return err
}

// Close ends the hash of what was written. It does not close the writer.
func (h *hashWriter) Close() digest.Digest {
	close(h.todo)
	return digest.NewDigest(digest.SHA256, <-h.hash)
}
