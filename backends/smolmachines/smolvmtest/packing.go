//go:build linux

package smolvmtest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	stub, total, blob, err := p.assemble(layer, cause)
	if err != nil {
		return fmt.Errorf("agent operation failed: pack binary: %w", err)
	}
	fmt.Printf("Assembling packed binary done\nPacked: %s (stub: %dKB, total: %dKB)\n", p.out, stub>>10, total>>10)
	if !p.has("single-file") {
		fmt.Printf("Assets: %s%s (%dKB compressed)\n", p.out, sidecarSuffix, blob>>10)
	}
	fmt.Printf("\nRun with: %s\n", p.out)
	if !p.has("single-file") {
		fmt.Printf("Note: Keep the %s file alongside the binary\n", sidecarSuffix)
	}
	fmt.Println("Options: --help for usage")
	return nil
}

// stage makes the directory for what is not compressed yet.
func (p *packing) stage() (err error) {
	parent := first(p.value("staging-dir"), os.Getenv("SMOLVM_PACK_STAGING"), p.root)
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
func (p *packing) assemble(layer asset, cause string) (stub, total, blob int64, err error) {
	program, err := p.stub()
	if err != nil {
		return 0, 0, 0, err
	}
	out, err := create(p.out, 0o755)
	if err != nil {
		return 0, 0, 0, err
	}
	defer out.Close()
	if _, err := out.Write(program); err != nil {
		return 0, 0, 0, ioError(err)
	}
	stub = int64(len(program))
	offset := stub
	if !p.has("single-file") {
		offset = 0
		if out, err = create(p.out+sidecarSuffix, 0o644); err != nil {
			return 0, 0, 0, err
		}
		defer out.Close()
	}
	fmt.Print("\r⠋ Assembling packed binary\x1b[K")
	p.manifest.Assets = assets{Libraries: []string{}, AgentRootfs: asset{Path: "agent-rootfs.tar", Size: int64(len(agentRootfs))}, Layers: []asset{layer}}
	data, err := p.compress(layer)
	if err != nil {
		return 0, 0, 0, err
	}
	end, err := seal(data, offset, p.manifest)
	if err != nil {
		return 0, 0, 0, err
	}
	data = append(data, end...)
	switch cause {
	case "", "corrupt":
	default:
		_, _ = out.Write(data[:len(data)/2])
		if cause == "disk-full" {
			return 0, 0, 0, ioError(unix.ENOSPC)
		}
		return 0, 0, 0, errors.New("I/O error: " + cause)
	}
	if cause == "corrupt" {
		data[len(data)/3] ^= 1
	}
	if _, err := out.Write(data); err != nil {
		return 0, 0, 0, ioError(err)
	}
	return stub, stub + int64(len(data)), int64(len(data)), out.Close()
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
func (p *packing) stub() ([]byte, error) {
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
	var blob bytes.Buffer
	z, err := zstd.NewWriter(&blob, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "agent-rootfs.tar", Mode: 0o644, Size: int64(len(agentRootfs))}); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, agentRootfs); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(p.staging, "layer.tar"))
	if err != nil {
		return nil, ioError(err)
	}
	defer f.Close()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: layer.Path, Mode: 0o644, Size: layer.Size}); err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, f); err != nil {
		return nil, ioError(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return nil, err
	}
	return blob.Bytes(), os.WriteFile(filepath.Join(dir, "assets.zst"), blob.Bytes(), 0o600)
}
