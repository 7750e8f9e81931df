package smolmachines

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// extension is that of an artifact, which smolvm calls a sidecar.
const extension = ".smolmachine"

// sidecar is what an artifact says of itself.
type sidecar struct {
	manifest
	size     int64
	checksum uint32 // of all but the footer
}

// manifest is the part of an artifact's manifest that is used here.
type manifest struct {
	Platform   string
	Entrypoint []string
	Cmd        []string
	Workdir    string
}

// image returns what the artifact was made from. The artifact of a machine
// that is no bottle has its workload for a command.
func (m manifest) image() (meta imageMeta, ours bool) {
	if meta, ours = findMeta(slices.Concat(m.Entrypoint, m.Cmd)); ours {
		return meta, true
	}
	return imageMeta{WorkingDir: m.Workdir, Entrypoint: m.Entrypoint, Command: m.Cmd}, false
}

// digest tells an artifact from others. It is the tool's own checksum, so that
// it can be had without reading the whole file.
func (s sidecar) digest() string { return fmt.Sprintf("crc32:%08x", s.checksum) }

// A footer ends the file: eight bytes of magic; in little endian, the version
// (4 bytes), the sizes and offsets of stub, assets and manifest (8 each), and
// the checksum (4).
const (
	footerSize  = 64
	magic       = "SMOLPACK"
	maxManifest = 16 << 20
)

// readSidecar reads the manifest of the artifact at path. It reads no more
// than the end of the file, and so does not find out whether the rest is
// whole. A file that is not there matches fs.ErrNotExist.
func readSidecar(path string) (s sidecar, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	s.size = info.Size()
	if err := s.read(f); err != nil {
		return s, fmt.Errorf("%s is not a whole .smolmachine file: %w", path, err)
	}
	return s, nil
}

func (s *sidecar) read(f io.ReaderAt) error {
	if s.size < footerSize {
		return errors.New("it is too small")
	}
	footer := make([]byte, footerSize)
	if _, err := f.ReadAt(footer, s.size-footerSize); err != nil {
		return err
	}
	if string(footer[:8]) != magic {
		return errors.New("it does not end as one")
	}
	offset, size := binary.LittleEndian.Uint64(footer[36:]), binary.LittleEndian.Uint64(footer[44:])
	s.checksum = binary.LittleEndian.Uint32(footer[52:])
	if size > maxManifest || offset > uint64(s.size) || offset+size > uint64(s.size-footerSize) {
		return errors.New("its end does not fit it")
	}
	data := make([]byte, size)
	if _, err := f.ReadAt(data, int64(offset)); err != nil {
		return err
	}
	return json.Unmarshal(data, &s.manifest)
}

// architecture is the one that the artifact's programs are for.
func (m manifest) architecture() string {
	_, architecture, _ := strings.Cut(m.Platform, "/")
	return architecture
}

// verify makes the tool read the whole artifact, which it does not when it
// makes a machine from one. It prints values of variables, which go nowhere.
func (b *Backend) verify(ctx context.Context, path string) error {
	_, err := b.run(ctx, b.limits.bulk, "pack", "run", "--sidecar", path, "--info")
	return err
}
