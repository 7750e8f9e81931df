//go:build linux

package smolvmtest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// packing is one run of pack create. What it has made so far stays where it is
// if the tool is killed, and so do the files that it was writing.
type packing struct {
	*call
	machine  *machine
	out      string
	manifest manifest
	staging  string
}

func created() string { return time.Now().UTC().Format(time.RFC3339) }

func (p *packing) run() error {
	fmt.Println("Starting agent VM to export machine state...")
	cause, told := p.told()
	if told && cause == "helper" {
		return agentError("wait for ready", "agent did not become ready within 30 seconds")
	}
	helper := p.path("vms", fmt.Sprintf("pack-fromvm-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.MkdirAll(helper, 0o755); err != nil {
		return err
	}
	defer fakevm.Remove(helper)
	if err := p.stage(); err != nil {
		return err
	}
	defer os.RemoveAll(p.staging)
	if told && cause == "eagain" {
		return errors.New("io operation failed: Resource temporarily unavailable (os error 11)")
	}
	layer, err := p.flatten()
	if err != nil {
		return err
	}
	made, err := p.assemble(layer, cause)
	if err != nil {
		return fmt.Errorf("agent operation failed: pack binary: %w", err)
	}
	p.announce(made)
	return nil
}

func (p *packing) announce(made sizes) {
	fmt.Printf("\rAssembling packed binary done\x1b[K\nPacked: %s (stub: %dKB, total: %dKB)\n", p.out, made.stub>>10, made.total>>10)
	if p.has("single-file") {
		fmt.Printf("\nRun with: %s\n", p.out)
	} else {
		fmt.Printf("Assets: %s%s (%dKB compressed)\n\nRun with: %s\n", p.out, sidecarSuffix, made.blob>>10, p.out)
		fmt.Printf("Note: Keep the %s file alongside the binary\n", sidecarSuffix)
	}
	fmt.Println("Options: --help for usage")
}

// stage makes the directory for what is not compressed yet.
func (p *packing) stage() (err error) {
	parent := cmp.Or(p.value("staging-dir"), os.Getenv("SMOLVM_PACK_STAGING"), p.root)
	p.staging, err = os.MkdirTemp(parent, "pack-staging-")
	if err != nil {
		return fmt.Errorf("io operation failed: %s", osError(err))
	}
	return nil
}

// flatten makes the one layer.
func (p *packing) flatten() (asset, error) {
	fmt.Println("Flattening 1 layer(s) + container overlay...")
	f, err := os.Create(filepath.Join(p.staging, "layer.tar"))
	if err != nil {
		return asset{}, err
	}
	defer f.Close()
	hash := sha256.New()
	if err := tarRoot(p.machine.rootfs(), io.MultiWriter(f, hash)); err != nil {
		return asset{}, agentError("flatten", "%s", osError(err))
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return asset{}, err
	}
	fmt.Printf("  Flattened layer: %d bytes\n", size)
	sum := hex.EncodeToString(hash.Sum(nil))
	return asset{Digest: "sha256:" + sum, Path: "layers/" + sum + ".tar", Size: size}, f.Close()
}

const agentRootfs = "the root of the agent"

// assemble writes the stub, and then the sidecar, which is empty for as long
// as it takes to compress what goes there.
func (p *packing) assemble(layer asset, cause string) (sizes, error) {
	program, err := stub()
	if err != nil {
		return sizes{}, err
	}
	out, err := create(p.out, 0o755)
	if err != nil {
		return sizes{}, err
	}
	defer out.Close()
	if _, err := out.Write(program); err != nil {
		return sizes{}, ioError(err)
	}
	offset := len(program)
	if !p.has("single-file") {
		offset = 0
		if out, err = create(p.out+sidecarSuffix, 0o644); err != nil {
			return sizes{}, err
		}
		defer out.Close()
	}
	fmt.Print("\r⠋ Assembling packed binary\x1b[K")
	p.manifest.Assets = assets{Libraries: []string{}, AgentRootfs: asset{Path: "agent-rootfs.tar", Size: int64(len(agentRootfs))}, Layers: []asset{layer}}
	data, err := p.compress(layer)
	if err != nil {
		return sizes{}, err
	}
	end, err := seal(data, int64(offset), p.manifest)
	if err != nil {
		return sizes{}, err
	}
	data = append(data, end...)
	if err := pour(out, data, cause); err != nil {
		return sizes{}, err
	}
	return sizes{len(program), len(program) + len(data), len(data)}, out.Close()
}

// sizes are those of the outputs.
type sizes struct{ stub, total, blob int }

// pour writes the assets and what follows, as far as it is to go.
func pour(out *os.File, data []byte, cause string) error {
	var fails error
	switch cause {
	case "":
	case "corrupt":
		data[len(data)/3] ^= 1
	case "disk-full":
		fails = ioError(unix.ENOSPC)
	default:
		fails = errors.New("I/O error: " + cause)
	}
	if fails != nil {
		data = data[:len(data)/2]
	}
	if _, err := out.Write(data); err != nil {
		return ioError(err)
	}
	return fails
}

// create opens an output as it is: what is there is truncated.
func create(path string, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return nil, ioError(err)
	}
	return f, f.Chmod(mode)
}

// stub is the program, which is taken from a checkout of the tool's source if
// the working directory is one.
func stub() ([]byte, error) {
	for _, path := range []string{"target/release/smolvm", "target/debug/smolvm"} {
		if data, err := os.ReadFile(path); err == nil {
			return data, nil
		}
	}
	return []byte("#!/bin/sh\necho 'smolvmtest: a packed machine' >&2\nexit 70\n"), nil
}

// compress makes the assets, in the directory for temporary files.
func (p *packing) compress(layer asset) ([]byte, error) {
	dir, err := os.MkdirTemp("", ".tmp")
	if err != nil {
		return nil, ioError(err)
	}
	defer os.RemoveAll(dir)
	time.Sleep(p.packDelay)
	f, err := os.Open(filepath.Join(p.staging, "layer.tar"))
	if err != nil {
		return nil, ioError(err)
	}
	defer f.Close()
	var blob bytes.Buffer
	z, err := zstd.NewWriter(&blob, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	err = errors.Join(
		add(w, "agent-rootfs.tar", int64(len(agentRootfs)), strings.NewReader(agentRootfs)),
		add(w, layer.Path, layer.Size, f),
		w.Close(),
		z.Close(),
	)
	if err != nil {
		return nil, err
	}
	return blob.Bytes(), os.WriteFile(filepath.Join(dir, "assets.zst"), blob.Bytes(), 0o600)
}

func add(w *tar.Writer, name string, size int64, r io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(w, r)
	return err
}
