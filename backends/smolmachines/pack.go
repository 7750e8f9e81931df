package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/moby/sys/atomicwriter"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/tool"
)

// pack makes the artifact. All that the tool writes, it writes into a directory
// of this freeze: it leaves whatever is there when it fails, and its files are
// never whole before it has ended well. After an error there is no artifact.
func (f *freeze) pack(ctx context.Context) (s sidecar, err error) {
	dir, err := f.workspace()
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	booted, err := f.lastBoot(ctx, f.m)
	if err != nil {
		return s, err
	}
	if err := f.runPack(ctx, dir); err != nil {
		return s, err
	}
	if err := f.undisturbed(ctx, booted); err != nil {
		return s, err
	}
	made := filepath.Join(dir, "machine"+extension)
	if s, err = f.check(ctx, made); err != nil {
		return s, err
	}
	return s, f.keep(made)
}

// workspace makes the directory of this freeze. The bottle's lock is held, so
// others that are there were left.
func (f *freeze) workspace() (string, error) {
	parent := f.directory(f.bottle.Slug)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	if err := removeUnfinished(parent); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, unfinished)
}

// runPack runs the tool to its end, however long that takes. An interrupt is
// passed on and waited for.
func (f *freeze) runPack(ctx context.Context, dir string) error {
	cmd := interruptible(smolvm.Command(ctx,
		"pack", "create",
		"--from-vm", f.m.Name,
		"--output", filepath.Join(dir, "machine"), // of the stub, which nobody needs
		"--staging-dir", dir,
		"--cpus", strconv.Itoa(f.m.CPUs), // what a machine made from it gets that asks for nothing
		"--mem", strconv.Itoa(f.m.MemoryMiB),
	))
	cmd.Dir = dir                            // it takes a stub from ./target if there is one
	cmd.Env = append(cmd.Env, "TMPDIR="+dir) // where it compresses
	var errOut tool.Tail
	cmd.Stderr = &errOut
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return smolvm.Failure(cmd.Args[1:], errOut.String(), err)
}

// check makes sure that the artifact is whole, and of this bottle.
func (f *freeze) check(ctx context.Context, path string) (sidecar, error) {
	s, err := readSidecar(path)
	if err != nil {
		return s, fmt.Errorf("smolvm pack has ended well, and %w", err)
	}
	if err := f.verify(ctx, path); err != nil {
		return s, err
	}
	if meta, ours := s.image(); !ours || !reflect.DeepEqual(meta, f.m.image()) {
		return s, errors.New("smolvm pack has ended well, and its file is not of this bottle's machine: it lacks the workload's arguments")
	}
	return s, nil
}

// keep puts the artifact in its place, and before that what is known of it.
// Both are on disk when it returns: the next step is a record that points to
// them.
func (f *freeze) keep(made string) error {
	labels, err := json.MarshalIndent(backends.SnapshotLabels(f.bottle, f.opts), "", "  ")
	if err != nil {
		return err
	}
	if err := atomicwriter.WriteFile(labelsFile(f.path), labels, 0o600); err != nil {
		return err
	}
	err = errors.Join(os.Chmod(made, 0o600), syncFile(made))
	if err == nil {
		err = os.Rename(made, f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(labelsFile(f.path)))
	}
	return syncFile(filepath.Dir(f.path))
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
