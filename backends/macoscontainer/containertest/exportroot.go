//go:build linux

package containertest

import (
	"os"
	"time"
)

// exportRequest is what the tool asks of the service.
type exportRequest struct {
	ID      string `json:"id"`
	Archive string `json:"archive"`
}

// exportRoot writes the archive, and lets nobody else in meanwhile.
func (s settings) exportRoot(r exportRequest) error {
	leave, err := s.service()
	if err != nil {
		return err
	}
	defer leave()
	time.Sleep(s.exportDelay)
	ctr, err := s.container(r.ID)
	if err != nil {
		return err
	}
	if ctr == nil || !ctr.exists() {
		return notFound(r.ID)
	}
	if ctr.running() && !s.server.atLeast(1, 2, 1) {
		return failed("invalidState", "container is not stopped")
	}
	if !ctr.unpacked() {
		return failed("unknown", "file at path %s.ext4 not found", ctr.rootfs())
	}
	f, err := os.OpenFile(r.Archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	var lost time.Time // what the journal has of a disk that is not mounted
	if !ctr.running() {
		lost = ctr.mounted()
	}
	if err := packLost(ctr.rootfs(), f, extents, lost); err != nil {
		return err
	}
	return f.Close()
}
