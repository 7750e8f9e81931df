package macoscontainer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// pack writes the archive, from an export or, where that is asked for or the
// export cannot have the tree, from inside the bottle.
func (f *freeze) pack(ctx context.Context, dir, path string, running bool) (ociarchive.Summary, error) {
	if f.opts.Exact {
		return f.packExact(ctx, path)
	}
	sum, err := f.packExport(ctx, filepath.Join(dir, "tree.tar"), path)
	if err == nil || !refused(err) || !running {
		return sum, err
	}
	f.opts.Notify.Say("%v; reading the tree from inside the bottle", err)
	if err := f.Start(ctx, f.bottle); err != nil { // it may be stopped for the export
		return sum, err
	}
	f.live, f.upAgain = true, time.Now()
	sum, exactErr := f.packExact(ctx, path)
	if exactErr != nil {
		return sum, errors.Join(err, exactErr)
	}
	return sum, nil
}

// refused reports whether an export failed for what is in the tree, or for a
// bottle that was made before the service could export live.
func refused(err error) bool {
	return says(err, "deep extents are not supported") || says(err, "failed to snapshot disk") || errors.Is(err, ociarchive.ErrName)
}

// packExport packs the tool's own export.
func (f *freeze) packExport(ctx context.Context, tree, path string) (sum ociarchive.Summary, err error) {
	backends.Step(ctx, "exporting the tree")
	if err := f.exportWhole(ctx, tree); err != nil {
		return sum, err
	}
	defer os.Remove(tree)
	in, err := os.Open(tree)
	if err != nil {
		return sum, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return sum, err
	}
	return f.write(ctx, path, backends.Counted(ctx, backends.Progress{Step: "packing the tree", Total: info.Size()}, in))
}

// exportWhole exports a tree that was all on the disk: the service freezes that
// of a bottle that runs. One that has ended meanwhile may have been exported as
// its machine left it, and is exported again.
func (f *freeze) exportWhole(ctx context.Context, tree string) error {
	for {
		if err := f.export(ctx, tree); err != nil || !f.live {
			return err
		}
		ctr, err := f.inspect(ctx, f.bottle)
		switch {
		case err != nil:
			return err
		case ctr.state() != backends.Running:
			f.live = false
			if err := f.unmount(ctx); err != nil {
				return err
			}
		case ctr.Status.StartedDate.Equal(f.ctr.Status.StartedDate):
			return nil
		}
		f.ctr = ctr
	}
}

// export lets the tool write the tree to a file, which it does when it has it
// whole. A tool that is interrupted is left alone: killed, it would leave its
// own copy behind, and the service would go on all the same.
func (f *freeze) export(ctx context.Context, tree string) error {
	var errOut bytes.Buffer
	cmd := apple.Command(context.WithoutCancel(ctx), "export", "--output", tree, backends.Name(f.bottle.Slug))
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return apple.Failure(cmd.Args[1:], errOut.String(), err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.limits.bulk):
		_ = cmd.Process.Kill()
		return apple.Deadline(cmd.Args[1:], f.limits.bulk)
	}
}

// exactScript writes the tree with the image's own tar. GNU tar knows how to
// stay on one filesystem, keeps extended attributes, and ends with 1 if a file
// changed while it was read. Any other is given what is in the root directory
// but for the mount points; what is mounted further below it could not be told
// to leave out.
const exactScript = `command -v tar >/dev/null || { echo "the image has no tar, which the exact way needs" >&2; exit 2; }
if tar --version 2>/dev/null | grep -q GNU; then
  exec tar --create --one-file-system --xattrs '--xattrs-include=*' --file=- --directory=/ .
fi
mounted=; while read -r _ at _; do mounted="$mounted $at"; done </proc/mounts
set --
for f in /* /.[!.]*; do
  [ -e "$f" ] || [ -L "$f" ] || continue
  case "$mounted " in *" $f "*) continue;; esac
  case "$mounted" in *" $f/"*) echo "something is mounted below $f, which the exact way needs GNU tar for" >&2; exit 2;; esac
  set -- "$@" ".$f"
done
tar -c -f - -C / "$@" || exit 2`

// changed is the exit status of GNU tar for a tree that is whole, but in which
// a file changed as it was read.
const changed = 1

// packExact packs what exactScript writes. It reads every file through the
// kernel: the export gets sparse and preallocated ones wrong.
func (f *freeze) packExact(ctx context.Context, path string) (sum ociarchive.Summary, err error) {
	limited, cancel := context.WithTimeout(ctx, f.limits.bulk)
	defer cancel()
	var errOut bytes.Buffer
	mark := strings.ToLower(rand.Text())
	// Not ended with ctx: a tool that is killed leaves the program behind.
	toolCtx, killTool := context.WithCancel(context.WithoutCancel(ctx))
	defer killTool()
	cmd := f.execCommand(toolCtx, f.bottle, backends.Process{Args: []string{"/bin/sh", "-c", exactScript}, User: "0"}, mark)
	cmd.Stderr = &errOut
	tree, err := cmd.StdoutPipe()
	if err != nil {
		return sum, err
	}
	if err := cmd.Start(); err != nil {
		return sum, err
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(limited, func() {
		ended <- f.end(context.WithoutCancel(ctx), f.bottle, mark)
		killTool()
	})
	sum, packErr := f.write(limited, path, backends.Counted(ctx, backends.Progress{Step: "reading the tree"}, tree))
	if packErr != nil {
		cancel()
	}
	waitErr := cmd.Wait() // the tool may have written all, and not end
	var endErr error
	if !stop() {
		endErr = <-ended
	}
	failed := apple.Failure(cmd.Args[1:], errOut.String(), waitErr)
	code := cmd.ProcessState.ExitCode()
	packErr = errors.Join(packErr, endErr)
	switch {
	case ctx.Err() != nil:
		return sum, errors.Join(ctx.Err(), endErr)
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return sum, errors.Join(apple.Deadline(cmd.Args[1:], f.limits.bulk), endErr)
	case packErr != nil && errOut.Len() > 0:
		// The program's own words say more than that its output was cut off.
		return sum, errors.Join(failed, packErr)
	case packErr != nil:
		return sum, packErr
	case waitErr != nil && code != changed:
		return sum, failed
	case code == changed:
		f.opts.Warn.Say("%s", strings.TrimSpace(errOut.String()))
	}
	return sum, nil
}

// write packs the tree into the archive.
func (f *freeze) write(ctx context.Context, path string, tree io.Reader) (sum ociarchive.Summary, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	own, gateways := f.ctr.addresses()
	sum, err = ociarchive.Write(ctx, file, tree, f.img, ociarchive.Network{
		Host:        backends.Name(f.bottle.Slug),
		Addresses:   own,
		Nameservers: gateways,
	})
	if err != nil {
		return sum, err
	}
	return sum, file.Close()
}
