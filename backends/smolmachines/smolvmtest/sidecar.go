//go:build linux

package smolvmtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// footer is at the end of an artifact, little endian.
type footer struct {
	Magic          [8]byte
	Version        uint32
	StubSize       uint64
	AssetsOffset   uint64
	AssetsSize     uint64
	ManifestOffset uint64
	ManifestSize   uint64
	Checksum       uint32
	_              [8]byte
}

const (
	footerSize  = 64
	maxManifest = 16 << 20
)

var magic = [8]byte([]byte("SMOLPACK"))

// manifest is what an artifact says of itself.
type manifest struct {
	Mode          string            `json:"mode"`
	Image         string            `json:"image"`
	Digest        string            `json:"digest"`
	Platform      string            `json:"platform"`
	Entrypoint    []string          `json:"entrypoint,omitempty"`
	Cmd           []string          `json:"cmd,omitempty"`
	Env           []string          `json:"env,omitempty"`
	SecretRefs    map[string]secret `json:"secret_refs,omitempty"`
	Workdir       string            `json:"workdir,omitempty"`
	User          string            `json:"user,omitempty"`
	CPUs          int               `json:"cpus"`
	Mem           int               `json:"mem"`
	ImageSize     int64             `json:"image_size,omitempty"`
	Network       bool              `json:"network"`
	GPU           bool              `json:"gpu"`
	CUDA          bool              `json:"cuda"`
	HostPlatform  string            `json:"host_platform"`
	Created       string            `json:"created"`
	SmolvmVersion string            `json:"smolvm_version"`
	Assets        assets            `json:"assets"`
}

type (
	assets struct {
		Libraries   []string `json:"libraries"`
		AgentRootfs asset    `json:"agent_rootfs"`
		Layers      []asset  `json:"layers"`
	}
	asset struct {
		Digest string `json:"digest,omitempty"`
		Path   string `json:"path"`
		Size   int64  `json:"size"`
	}
)

func (m manifest) arch() string {
	_, arch, _ := strings.Cut(m.Platform, "/")
	return arch
}

// artifact is a sidecar whose footer and manifest have been read.
type artifact struct {
	path     string
	footer   footer
	manifest manifest
}

// openArtifact reads what is at the end of a sidecar, and nothing else.
func openArtifact(path string) (*artifact, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ioError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, ioError(err)
	}
	if info.Size() < footerSize {
		return nil, errors.New("I/O error: sidecar file too small to contain footer")
	}
	a := &artifact{path: path}
	r := io.NewSectionReader(f, info.Size()-footerSize, footerSize)
	if err := binary.Read(r, binary.LittleEndian, &a.footer); err != nil {
		return nil, ioError(err)
	}
	if err := a.footer.check(info.Size()); err != nil {
		return nil, err
	}
	data := make([]byte, a.footer.ManifestSize)
	if _, err := f.ReadAt(data, int64(a.footer.ManifestOffset)); err != nil {
		return nil, ioError(err)
	}
	if err := json.Unmarshal(data, &a.manifest); err != nil {
		return nil, errors.New("JSON error: " + err.Error())
	}
	return a, nil
}

func (f footer) check(size int64) error {
	switch {
	case f.Magic != magic:
		return errors.New("invalid magic: expected SMOLPACK")
	case f.Version < 1 || f.Version > 3:
		return errors.New("unsupported version: " + itoa(int64(f.Version)))
	case f.ManifestSize > maxManifest:
		return errors.New("I/O error: manifest is too large")
	case f.AssetsSize > uint64(size) || f.ManifestOffset > uint64(size) || f.ManifestOffset+f.ManifestSize+footerSize > uint64(size):
		return errors.New("I/O error: footer sizes exceed file size (corrupt or truncated sidecar)")
	}
	return nil
}

// verify compares the checksum of the assets and the manifest.
func (a *artifact) verify() error {
	f, err := os.Open(a.path)
	if err != nil {
		return ioError(err)
	}
	defer f.Close()
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(f, int64(a.footer.AssetsOffset), int64(a.footer.AssetsSize+a.footer.ManifestSize))); err != nil {
		return ioError(err)
	}
	if sum.Sum32() != a.footer.Checksum {
		return agentError("verify sidecar", "checksum mismatch for %s: sidecar may be corrupt or tampered with. Re-create or re-download it.", a.path)
	}
	return nil
}

// seal returns what follows the assets: the manifest and the footer.
func seal(assets []byte, stub int64, m manifest) ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := crc32.NewIEEE()
	_, _ = sum.Write(assets)
	_, _ = sum.Write(data)
	size := uint64(len(assets))
	offset := uint64(stub)
	end := bytes.NewBuffer(data)
	err = binary.Write(end, binary.LittleEndian, footer{
		Magic: magic, Version: 1, StubSize: offset, AssetsOffset: offset, AssetsSize: size,
		ManifestOffset: offset + size, ManifestSize: uint64(len(data)), Checksum: sum.Sum32(),
	})
	return end.Bytes(), err
}
