package macoscontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
	"github.com/docker-bottle/docker-bottle/tempdir"
)

// Freeze packs the bottle's tree into an image, loads it, and makes sure that
// it is what was packed. The bottle is stopped for that only where the service
// cannot export a running one, and started again.
func (b *Backend) Freeze(ctx context.Context, bottle bottlestate.Bottle, opts backends.FreezeOptions) (art backends.Artifact, err error) {
	version, err := b.reach()
	if err != nil {
		return art, err
	}
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return art, err
	}
	running := ctr.state() == backends.Running
	if opts.Exact && !running {
		return art, errors.New("the exact way reads the tree from inside, and the bottle is stopped: bring it up, or commit without --exact")
	}
	if err := b.unused(ctx, backends.SnapshotRef(bottle.Slug, opts.Number)); err != nil {
		return art, err
	}
	f := &freeze{Backend: b, bottle: bottle, opts: opts}
	stopFirst := running && !opts.Exact && !canExportLive(version)
	if stopFirst {
		if err := f.ask(ctx, version); err != nil {
			return art, err
		}
	}
	// After the question, which may take a person any time.
	unlock, err := f.oneAtATime(ctx)
	if err != nil {
		return art, err
	}
	defer unlock()
	if f.ctr, err = b.inspect(ctx, bottle); err != nil {
		return art, err
	}
	running = f.ctr.state() == backends.Running
	f.live = running && !stopFirst
	switch {
	case stopFirst:
		stopped := time.Now()
		defer func() {
			started := f.startAgain(ctx)
			art.Restarted, art.Stopped = started && err == nil, !started
			switch {
			case !f.upAgain.IsZero():
				art.Still = f.upAgain.Sub(stopped)
			case started:
				art.Still = time.Since(stopped)
			}
		}()
		err = f.stop(ctx)
	case !running:
		err = f.unmount(ctx)
	}
	if err != nil {
		return art, err
	}
	if f.img, err = b.snapshotImage(ctx, bottle, f.ctr, opts); err != nil {
		return art, err
	}
	sum, err := f.make(ctx, running)
	if err != nil {
		return art, err
	}
	return backends.Artifact{
		Reference:     f.img.Reference,
		Digest:        sum.Manifest.String(),
		Created:       f.img.Created,
		Size:          sum.LayerSize,
		NotCaptured:   mounts(f.ctr),
		Stopped:       !f.live,
		EngineVersion: version,
		Architecture:  f.img.Platform.Architecture,
	}, nil
}

// freeze is one freeze of one bottle.
type freeze struct {
	*Backend
	bottle bottlestate.Bottle
	ctr    container
	img    ociarchive.Image
	opts   backends.FreezeOptions
	live   bool // it runs while it is read
	// upAgain is when a bottle that was stopped had to be started before the
	// end of the freeze.
	upAgain time.Time
}

// oneAtATime waits for the other freezes on this machine: while the service
// exports it answers nobody, and two at once would be two copies on disk.
func (f *freeze) oneAtATime(ctx context.Context) (unlock func(), err error) {
	waiting := time.AfterFunc(500*time.Millisecond, func() { f.opts.Notify.Say("waiting for another freeze to finish") })
	defer waiting.Stop()
	return bottlestate.LockFile(ctx, filepath.Join(os.TempDir(), fmt.Sprintf("docker-bottle-%d-macos-container.lock", os.Getuid())))
}

// ask asks whether the bottle may be stopped.
func (f *freeze) ask(ctx context.Context, version string) error {
	question := fmt.Sprintf("container %s can only freeze a stopped bottle (1.2.1 and newer do it live): stop %s, which ends the session in it, and start it again after?", version, f.bottle.Slug)
	yes, err := f.opts.Confirm(ctx, question)
	if err == nil && !yes {
		err = backends.ErrCommitCancelled
	}
	return err
}

// stop stops the bottle, all the way, and leaves a disk that can be exported.
// The service would go on with a stop that was given up half way.
func (f *freeze) stop(ctx context.Context) error {
	backends.Step(ctx, "stopping the bottle")
	unmounted, err := f.stopped(context.WithoutCancel(ctx), f.bottle)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case !unmounted:
		return f.unmount(ctx)
	}
	return nil
}

// unmount brings a stopped bottle up and down. The service does not tell how it
// was stopped: its machine may have died, and an export would read a disk whose
// journal was never replayed. What was begun is ended, also after an interrupt.
func (f *freeze) unmount(ctx context.Context) error {
	backends.Step(ctx, "starting and stopping the bottle")
	f.opts.Notify.Say("starting and stopping %s first: an export needs a disk that was shut down cleanly", f.bottle.Slug)
	whole := context.WithoutCancel(ctx)
	startErr := f.Start(whole, f.bottle)
	// Snapshots of a stopped bottle are from after its last start, which the
	// service tells in whole seconds; see ChangedSince.
	next := time.Now().Truncate(time.Second).Add(time.Second)
	unmounted, err := f.stopped(whole, f.bottle) // a start that failed may go on
	switch err = errors.Join(startErr, err); {
	case err != nil:
		return fmt.Errorf("bring %s up and down, to export a disk that was shut down cleanly: %w", f.bottle.Slug, err)
	case !unmounted:
		return fmt.Errorf("%s had to be killed, and its disk may lack what was written last: bring it up, and commit it with --exact", f.bottle.Slug)
	}
	time.Sleep(time.Until(next))
	return ctx.Err()
}

// startAgain undoes stop, also after an interrupt. A snapshot that was made is
// good without it, so what goes wrong is only told.
func (f *freeze) startAgain(ctx context.Context) (started bool) {
	backends.Step(ctx, "starting the bottle again")
	if err := f.Start(context.WithoutCancel(ctx), f.bottle); err != nil {
		f.opts.Warn.Say("bottle %s could not be started again: %v", f.bottle.Slug, err)
		return false
	}
	return true
}

// make packs, loads and checks. After an error there is no image, and no file
// in any case.
func (f *freeze) make(ctx context.Context, running bool) (sum ociarchive.Summary, err error) {
	dir, remove, err := tempdir.Make(ctx, "freeze")
	if err != nil {
		return sum, err
	}
	defer remove()
	path := filepath.Join(dir, "image.tar")
	if sum, err = f.pack(ctx, dir, path, running); err != nil {
		return sum, err
	}
	if err = f.load(ctx, path); err == nil {
		err = f.verify(ctx, sum)
	}
	if err != nil {
		return sum, errors.Join(err, f.unload(context.WithoutCancel(ctx), sum))
	}
	return sum, nil
}
