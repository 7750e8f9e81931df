package macoscontainer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// pack writes the archive, from an export or, where that is asked for or the
// export cannot have the tree, from inside the bottle.
func (f *freeze) pack(ctx context.Context, dir, path string, running bool) (ociarchive.Summary, error) {
	if f.opts.Exact {
		return f.packWith(ctx, path, f.exact)
	}
	sum, err := f.packWith(ctx, path, func(ctx context.Context) source { return f.export(ctx, dir) })
	if err == nil || !refused(err) || !running {
		return sum, err
	}
	f.notify("%v; reading the tree from inside the bottle", err)
	if err := f.Start(ctx, f.bottle); err != nil { // it may be stopped for the export
		return sum, err
	}
	exact, exactErr := f.packWith(ctx, path, f.exact)
	if exactErr != nil {
		return exact, errors.Join(err, exactErr)
	}
	return exact, nil
}

// refused reports whether an export failed for what is in the tree, or for a
// bottle that was made before the service could export live.
func refused(err error) bool {
	return says(err, "deep extents are not supported") || says(err, "failed to snapshot disk")
}

// source is a command that writes the bottle's tree.
type source struct {
	cmd    *exec.Cmd
	errOut *bytes.Buffer
	// good is the exit status besides 0 that comes with a whole tree.
	good int
	// end ends what the command has started elsewhere; it may be nil.
	end func()
}

// export is the tool's own way. What the tool keeps on disk meanwhile it keeps
// in dir, and leaves there if it is interrupted.
func (f *freeze) export(ctx context.Context, dir string) source {
	cmd := command(ctx, "export", backends.Name(f.bottle.Slug))
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	return source{cmd: cmd}
}

// exactScript writes the tree with the image's own tar. GNU tar knows how to
// stay on one filesystem, and keeps extended attributes. Any other is given
// what is in the root directory but for the mount points; what is mounted
// further below it could not be told to leave out.
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
exec tar -c -f - -C / "$@"`

// exact reads every file through the kernel: the export gets sparse and
// preallocated ones wrong.
func (f *freeze) exact(ctx context.Context) source {
	mark := strings.ToLower(rand.Text())
	tar := backends.Process{Args: []string{"/bin/sh", "-c", exactScript}, User: "0"}
	return source{
		cmd:  f.execCommand(ctx, f.bottle, tar, mark),
		good: 1, // "file changed as we read it"
		end:  func() { f.end(context.WithoutCancel(ctx), f.bottle, mark, func() {}) },
	}
}

// packWith packs what the command writes. A tree that is cut off does not get
// through; neither does a whole one from a command that failed.
func (f *freeze) packWith(ctx context.Context, path string, open func(context.Context) source) (sum ociarchive.Summary, err error) {
	limited, cancel := context.WithTimeout(ctx, f.limits.bulk)
	defer cancel()
	src := open(limited)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	src.errOut = &bytes.Buffer{}
	src.cmd.Stderr = src.errOut
	tree, err := src.cmd.StdoutPipe()
	if err != nil {
		return sum, err
	}
	if err := src.cmd.Start(); err != nil {
		return sum, err
	}
	own, gateways := f.ctr.addresses()
	sum, packErr := ociarchive.Write(limited, file, tree, f.img, ociarchive.Network{
		Host:        backends.Name(f.bottle.Slug),
		Addresses:   own,
		Nameservers: gateways,
	})
	if packErr != nil {
		_ = src.cmd.Process.Kill() // nobody reads on
		if src.end != nil {
			src.end()
		}
	}
	waitErr := src.cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return sum, ctx.Err()
	case limited.Err() != nil:
		return sum, &deadlineError{src.cmd.Args[1:], f.limits.bulk}
	case waitErr != nil && src.cmd.ProcessState.ExitCode() != src.good && src.cmd.ProcessState.ExitCode() >= 0:
		// The tool's own words say more than that its output was cut off.
		return sum, &toolError{src.cmd.Args[1:], src.errOut.String(), waitErr}
	case packErr != nil:
		return sum, errors.Join(packErr, said(src.errOut))
	}
	return sum, file.Close()
}

// said is what a command has said, as an error, or nil.
func said(errOut *bytes.Buffer) error {
	if text := strings.TrimSpace(errOut.String()); text != "" {
		return errors.New(text)
	}
	return nil
}
