package ociarchive

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
)

// hashWriter hashes what it writes while it is being written: either takes as
// long as the other.
type hashWriter struct {
	w    io.Writer
	hash hash.Hash
	todo chan []byte
	done chan struct{}
}

func newHashWriter(w io.Writer) *hashWriter {
	h := &hashWriter{w: w, hash: sha256.New(), todo: make(chan []byte), done: make(chan struct{})}
	go func() {
		for p := range h.todo {
			h.hash.Write(p)
			h.done <- struct{}{}
		}
	}()
	return h
}

func (h *hashWriter) Write(p []byte) (int, error) {
	h.todo <- p
	n, err := h.w.Write(p)
	<-h.done // p is the caller's again
	return n, err
}

// Digest is of all that was written.
func (h *hashWriter) Digest() digest.Digest {
	return digest.NewDigest(digest.SHA256, h.hash)
}

// Close ends the goroutine. It does not close the writer.
func (h *hashWriter) Close() { close(h.todo) }
