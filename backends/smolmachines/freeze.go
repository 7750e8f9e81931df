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
	if err := vacant(f.path); err != nil {
		return art, err
	}
	if err := f.checkSpace(ctx); err != nil {
		return art, err
	}
	// One that has lost its agent may still run.
	running := m.state() == backends.Running
	stop := running || m.State == "unreachable"
	if stop {
		if err := f.ask(ctx); err != nil {
			return art, err
		}
	}
	notCaptured, err := b.mounts(ctx, bottle, running)
	if err != nil {
		return art, err
	}
	if stop {
		defer f.startAgain(ctx)
		if err := b.Stop(ctx, bottle); err != nil {
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
		Created:       time.Now().UTC(),
		Size:          s.size,
		NotCaptured:   notCaptured,
		Stopped:       !stop,
		Restarted:     stop,
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

// ask asks whether the bottle may be stopped.
func (f *freeze) ask(ctx context.Context) error {
	yes, err := f.opts.Confirm(ctx, fmt.Sprintf("smolvm can only freeze a stopped bottle: stop %s, which ends the session in it, and start it again after?", f.bottle.Slug))
	if err == nil && !yes {
		err = backends.ErrCommitCancelled
	}
	return err
}

// startAgain undoes stop, also after an interrupt. A snapshot that was made is
// good without it, so what goes wrong is only told.
func (f *freeze) startAgain(ctx context.Context) {
	if err := f.Start(context.WithoutCancel(ctx), f.bottle); err != nil && f.opts.Notify != nil {
		f.opts.Notify("bottle %s could not be started again: %v", f.bottle.Slug, err)
	}
}

// errStarted is a machine that somebody has started while it was packed: what
// was read of its disk is of no one moment.
var errStarted = errors.New("the machine was started while it was packed, so the snapshot would not be whole and was given up: commit again")

// undisturbed returns nil if the machine has been stopped all the time since
// it was booted at the time given.
func (f *freeze) undisturbed(ctx context.Context, booted time.Time) error {
	m, err := f.inspect(ctx, f.bottle)
	if err != nil {
		return err
	}
	now, err := f.lastBoot(ctx, m)
	if err != nil {
		return err
	}
	if m.state() != backends.Stopped || m.State == "unreachable" || !now.Equal(booted) {
		return errStarted
	}
	return nil
}
