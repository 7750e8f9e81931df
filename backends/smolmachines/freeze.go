package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Freeze packs the stopped machine into a file. A running one is stopped for
// it, if the person agrees, and started again.
func (b *Backend) Freeze(ctx context.Context, bottle bottlestate.Bottle, opts backends.FreezeOptions) (art backends.Artifact, err error) {
	version, err := b.reach()
	if err != nil {
		return art, err
	}
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return art, err
	}
	f := &freeze{Backend: b, bottle: bottle, m: m, opts: opts, path: b.artifact(bottle.Slug, opts.Number)}
	if err := f.mayBegin(ctx); err != nil {
		return art, err
	}
	running := m.state() == backends.Running
	notCaptured, err := b.mounts(ctx, bottle, running)
	if err != nil {
		return art, err
	}
	if running {
		stopped := time.Now()
		defer func() {
			started := f.startAgain(ctx)
			art.Restarted, art.Stopped = started && err == nil, !started
			if started {
				art.Still = time.Since(stopped)
			}
		}()
		if err := f.stop(ctx); err != nil {
			return art, err
		}
	}
	s, err := f.pack(ctx)
	if err != nil {
		return art, err
	}
	return backends.Artifact{
		Reference:     f.path,
		Digest:        s.digest(),
		Created:       s.created,
		Size:          s.size,
		NotCaptured:   notCaptured,
		Stopped:       !running,
		EngineVersion: version,
		Architecture:  s.architecture(),
	}, nil
}

// freeze is one freeze of one bottle.
type freeze struct {
	*Backend
	bottle bottlestate.Bottle
	m      machine
	opts   backends.FreezeOptions
	path   string // of the artifact to be
}

// mayBegin finds out all that can be against the freeze before anything stops,
// and asks the person in the end.
func (f *freeze) mayBegin(ctx context.Context) error {
	if err := vacant(f.path); err != nil {
		return err
	}
	if err := f.packed(ctx, f.bottle.Slug); err != nil {
		return err
	}
	if err := f.checkSpace(ctx); err != nil {
		return err
	}
	if f.m.state() != backends.Running {
		return nil
	}
	yes, err := f.opts.Confirm(ctx, fmt.Sprintf("smolvm can only freeze a stopped bottle: stop %s, which ends the session in it, and start it again after?", f.bottle.Slug))
	if err == nil && !yes {
		err = backends.ErrCommitCancelled
	}
	return err
}

// stop stops the machine, all the way: one that is cut off in the middle is
// neither here nor there. A pack would take a machine that still runs, if the
// tool has lost sight of it.
func (f *freeze) stop(ctx context.Context) error {
	backends.Step(ctx, "stopping the machine")
	if err := f.Stop(context.WithoutCancel(ctx), f.bottle); err != nil {
		return err
	}
	m, err := f.inspect(context.WithoutCancel(ctx), f.bottle)
	if err == nil && !m.isStopped() {
		err = fmt.Errorf("machine %s was stopped to be frozen, and is %s", m.Name, m.State)
	}
	return errors.Join(ctx.Err(), err)
}

// startAgain undoes stop, also after an interrupt. A snapshot that was made is
// good without it, so what goes wrong is only told.
func (f *freeze) startAgain(ctx context.Context) (started bool) {
	backends.Step(ctx, "starting the machine again")
	slow := time.AfterFunc(2*time.Second, func() { f.opts.Notify.Say("starting %s again", f.bottle.Slug) })
	defer slow.Stop()
	if err := f.Start(context.WithoutCancel(ctx), f.bottle); err != nil {
		f.opts.Warn.Say("bottle %s is stopped, it could not be started again: %v", f.bottle.Slug, err)
		return false
	}
	return true
}
