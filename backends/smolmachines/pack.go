package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"time"

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
	boots, err := f.boots(ctx, f.m)
	if err != nil {
		return s, err
	}
	if err := f.runPack(ctx, dir); err != nil {
		return s, err
	}
	if err := f.undisturbed(ctx, boots); err != nil {
		return s, err
	}
	made := filepath.Join(dir, "machine"+extension)
	if s, err = f.check(ctx, made); err != nil {
		return s, err
	}
	if err := f.keep(made, boots); err != nil {
		return s, err
	}
	return readSidecar(f.path)
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

// runPack runs the tool to its end, however long that takes. It is not
// interrupted: the tool would be gone at once, and the machine that reads the
// disk for it would not.
func (f *freeze) runPack(ctx context.Context, dir string) error {
	lock, err := f.beginPacking(f.bottle.Slug)
	if err != nil {
		return err
	}
	cmd := withoutSecrets(smolvm.Command(context.WithoutCancel(ctx),
		"pack", "create",
		"--from-vm", f.m.Name,
		"--output", filepath.Join(dir, "machine"), // of the stub, which nobody needs
		"--staging-dir", dir,
		"--cpus", strconv.Itoa(f.m.CPUs), // what a machine made from it gets that asks for nothing
		"--mem", strconv.Itoa(f.m.MemoryMiB),
	), f.bottle)
	cmd.Dir = dir                            // it takes a stub from ./target if there is one
	cmd.Env = append(cmd.Env, "TMPDIR="+dir) // where it compresses
	var errOut tool.Tail
	cmd.Stderr = &errOut
	inherit(cmd, lock)
	interrupted := context.AfterFunc(ctx, func() {
		f.opts.Notify.Say("waiting for smolvm to end the pack of %s, which will be thrown away", f.bottle.Slug)
	})
	defer interrupted()
	written := reportSize(ctx, "packing the machine", dir)
	err = cmd.Run()
	written()
	lock.Close() // if what was started has ended, the lock is free now
	switch {
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), f.packed(context.WithoutCancel(ctx), f.bottle.Slug))
	case err != nil:
		return errors.Join(smolvm.Failure(cmd.Args[1:], errOut.String(), err), f.packed(ctx, f.bottle.Slug))
	}
	return f.packed(ctx, f.bottle.Slug)
}

// reportSize tells what the files below dir take, until stop is called.
func reportSize(ctx context.Context, step, dir string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			backends.Report(ctx, backends.Progress{Step: step, Done: allocated(dir)})
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-done }
}

// check makes sure that the artifact is whole, and of this bottle.
func (f *freeze) check(ctx context.Context, path string) (sidecar, error) {
	backends.Step(ctx, "checking the snapshot")
	s, err := readSidecar(path)
	if err != nil {
		return s, fmt.Errorf("smolvm pack has ended well, and %w", err)
	}
	if err := f.verify(ctx, path); err != nil {
		return s, err
	}
	if known, ours := s.meta(); !ours || !reflect.DeepEqual(known, f.m.meta()) {
		return s, errors.New("smolvm pack has ended well, and its file is not of this bottle's machine: it lacks the workload's arguments")
	}
	return s, nil
}

// keep puts the artifact in its place, and before that what is known of it.
// Both are on disk when it returns: the next step is a record that points to
// them.
func (f *freeze) keep(made, boots string) error {
	says := backends.SnapshotLabels(f.bottle, f.opts)
	says[bootsLabel] = boots
	labels, err := json.MarshalIndent(says, "", "  ")
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
	if err == nil {
		err = syncDir(filepath.Dir(f.path))
	}
	if err != nil {
		return errors.Join(err, removeFiles(f.path, labelsFile(f.path)))
	}
	return nil
}

// bootsLabel is how often the machine was booted when it was frozen, as
// [Backend.boots] has it.
const bootsLabel = "io.github.docker-bottle.snapshot.boots"

// syncDir makes a rename last. Windows has nothing to sync a directory with.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return flush(dir, os.O_RDONLY)
}

// syncFile opens for writing: Windows syncs nothing else.
func syncFile(path string) error { return flush(path, os.O_RDWR) }

func flush(path string, flag int) error {
	file, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
