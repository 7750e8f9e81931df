package bottle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// ResumeOptions are the choices of one resume.
type ResumeOptions struct {
	// At goes back to this snapshot, if it is not 0. What the bottle holds
	// and no snapshot does is committed first, as Commit says, unless Discard
	// is set.
	At      int
	Discard bool
	Commit  CommitOptions
	// RequireSnapshot refuses to rebuild from the Dockerfile.
	RequireSnapshot bool
	// Env and Secrets are added to the bottle's record.
	Env, Secrets []string

	Open   OpenSource
	Log    io.Writer
	Notify Notify
	// Warn is told what is lost. If it is nil Notify is.
	Warn Notify
	// Saved is told of the snapshot that At has made first. It may be nil.
	Saved func(bottlestate.Snapshot)
}

// SnapshotGoneError is returned when the engine does not have the snapshot that
// a verb needs.
type SnapshotGoneError struct {
	Slug bottlestate.Slug
	// Snapshot is the one that is gone, or nil if there never was one.
	Snapshot *bottlestate.Snapshot
	// Other is the newest one that a resume could go back to instead, or 0.
	Other int
	// Refused is set if a resume would have rebuilt the bottle, and was not to.
	Refused bool
	// Err is why a resume could not rebuild the bottle, or nil if it was not
	// about to.
	Err error
}

func (e *SnapshotGoneError) Error() string {
	text := fmt.Sprintf("bottle %s is gone from the engine and has no snapshot to boot from", e.Slug)
	if e.Snapshot != nil {
		text = fmt.Sprintf("snapshot %s@%d (%s) is gone from the engine", e.Slug, e.Snapshot.Number, e.Snapshot.Reference)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s, and it cannot be rebuilt: %v", text, e.Err)
	}
	return text
}

func (e *SnapshotGoneError) Unwrap() error { return e.Err }

// PresentError is returned when going back would lose what no snapshot holds,
// and that could not be committed. The bottle is as it was.
type PresentError struct {
	Slug bottlestate.Slug
	At   int
	Err  error
}

func (e *PresentError) Error() string {
	return fmt.Sprintf("the present of %s could not be saved, so it stays: %v", e.Slug, e.Err)
}

func (e *PresentError) Unwrap() error { return e.Err }

// Rung is where on its ladder a resume stands.
type Rung int

// The rungs of the ladder.
const (
	Rebuilt   Rung = iota // from its Dockerfile
	Booted                // from a snapshot
	Restarted             // it was stopped, or a commit had to restart it and end its agent
	Running               // it was up already
)

// Resume brings the bottle up. It takes the first of these that is possible,
// tells notify which, and returns it: the running bottle; the stopped one,
// started again, or the one that a commit has restarted; the head snapshot; a
// rebuild from the Dockerfile.
func Resume(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, opts ResumeOptions) (b bottlestate.Bottle, rung Rung, err error) {
	b, unlock, err := openLocked(ctx, be, store, slug, opts.Notify)
	if err != nil {
		return b, rung, err
	}
	defer unlock()
	if opts.Warn == nil {
		opts.Warn = opts.Notify
	}
	b.Env = mergeEnv(b.Env, opts.Env)
	b.Secrets = union(b.Secrets, opts.Secrets)
	if _, err := processEnv(b); err != nil && !mayJoin(ctx, be, store, b, opts) {
		return b, rung, err
	}
	if rung, err = climb(ctx, be, store, b, opts); err != nil {
		return b, rung, err
	}
	if rung != Running {
		if err := errors.Join(store.SetBoot(slug), store.ClearIdle(slug)); err != nil {
			return b, rung, err
		}
	}
	if len(opts.Env)+len(opts.Secrets) > 0 {
		err = store.Update(b)
	}
	return b, rung, err
}

// mayJoin reports whether the bottle may have a session of its agent, which has
// its secrets already.
func mayJoin(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, opts ResumeOptions) bool {
	if idle, err := store.Idle(b.Slug); err != nil || idle {
		return false
	}
	state, err := be.State(ctx, b)
	return err == nil && state == backends.Running && opts.At == 0 && len(opts.Secrets) == 0
}

// mergeEnv adds variables; one that was there already gets its new value.
func mergeEnv(env, more []string) []string {
	key := func(s string) string { k, _, _ := strings.Cut(s, "="); return k }
	for _, v := range more {
		same := func(old string) bool { return key(old) == key(v) }
		env = append(slices.DeleteFunc(slices.Clone(env), same), v)
	}
	return env
}

func union(a, b []string) []string {
	var all []string
	for _, s := range slices.Concat(a, b) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// climb is the ladder.
func climb(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, opts ResumeOptions) (Rung, error) {
	if opts.At != 0 {
		return Booted, goBack(ctx, be, store, b, opts)
	}
	state, err := be.State(ctx, b)
	if err != nil {
		return Rebuilt, err
	}
	idle, err := store.Idle(b.Slug)
	if err != nil {
		return Rebuilt, err
	}
	if state != backends.Gone {
		rung := Restarted
		switch {
		case state == backends.Stopped:
			opts.Notify.Say("starting the stopped bottle %s", b.Slug)
		case idle:
			opts.Notify.Say("a commit has restarted bottle %s; starting its agent again", b.Slug)
		default:
			opts.Notify.Say("bottle %s is running", b.Slug)
			rung = Running
		}
		backends.Step(ctx, "booting the bottle")
		return rung, be.Start(ctx, b) // unpauses, too, what a killed commit left behind
	}
	head, err := store.Head(b.Slug)
	var unrecorded *bottlestate.UnknownSnapshotError
	switch {
	case errors.As(err, &unrecorded): // there is a head, and its record is lost
		return Rebuilt, err
	case errors.Is(err, bottlestate.ErrNotFound):
		return Rebuilt, rebuild(ctx, be, store, b, nil, opts)
	case err != nil:
		return Rebuilt, err
	}
	exists, err := be.ArtifactExists(ctx, head)
	if err == nil && !exists {
		return Rebuilt, rebuild(ctx, be, store, b, &head, opts)
	}
	if err == nil {
		opts.Notify.Say("booting %s from snapshot %s@%d", b.Slug, b.Slug, head.Number)
		err = boot(ctx, be, b, head.Reference, false)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, backends.ErrUnavailable) {
		sayOther(b.Slug, surviving(ctx, be, store, b.Slug, head.Number), opts.Warn)
	}
	return Booted, err
}

// sayOther says what else there is to go back to, if there is.
func sayOther(slug bottlestate.Slug, other int, notify Notify) {
	if other != 0 {
		notify.Say("snapshot %s@%d is still there, for resume --at %d", slug, other, other)
	}
}

// goBack replaces the bottle by one booted from the snapshot At, once what it
// holds is in a snapshot of its own. A crash in between leaves that one as the
// head, or the one that was asked for.
func goBack(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, opts ResumeOptions) error {
	snap, err := store.Snapshot(b.Slug, opts.At)
	if err != nil {
		return err
	}
	exists, err := be.ArtifactExists(ctx, snap)
	if err != nil {
		return err
	}
	if !exists {
		return &SnapshotGoneError{Slug: b.Slug, Snapshot: &snap}
	}
	state, err := be.State(ctx, b)
	if err != nil {
		return err
	}
	if state != backends.Gone {
		if err := savePresent(ctx, be, store, b, opts); err != nil {
			return err
		}
	}
	present, err := headNumber(store, b.Slug)
	if err != nil {
		return err
	}
	if err := be.Remove(ctx, b, false); err != nil {
		return err
	}
	if err := store.SetHead(b.Slug, snap.Number); err != nil {
		return err
	}
	opts.Notify.Say("booting %s from snapshot %s@%d", b.Slug, b.Slug, snap.Number)
	if err := boot(ctx, be, b, snap.Reference, false); err != nil {
		return errors.Join(err, store.SetHead(b.Slug, present))
	}
	return nil
}

// savePresent commits the bottle, unless all that it holds is in the head.
func savePresent(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, opts ResumeOptions) error {
	began := time.Now()
	backends.Step(ctx, "looking for changes")
	head, err := unchanged(ctx, be, store, b)
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, backends.ErrUnavailable)):
		return err
	case head != nil:
		return nil
	// Where it cannot be told, it has changed.
	case opts.Discard:
		opts.Notify.Say("discarding what is in %s and in no snapshot", b.Slug)
		return nil
	}
	opts.Commit.Message = fmt.Sprintf("before going back to %s@%d", b.Slug, opts.At)
	snap, err := commit(ctx, be, store, b, opts.Commit, began)
	if errors.Is(err, backends.ErrCommitCancelled) || ctx.Err() != nil {
		return err
	} else if err != nil {
		return &PresentError{b.Slug, opts.At, err}
	}
	if opts.Saved != nil {
		opts.Saved(snap)
	}
	return nil
}

// errAdopted is why a bottle whose record is an adopted one cannot be rebuilt.
var errAdopted = errors.New("its record was adopted from the engine, which does not know what the bottle was started from")

// rebuild makes the bottle anew from its Dockerfile. lost is the snapshot that
// should have been booted.
func rebuild(ctx context.Context, be backends.Backend, store bottlestate.Store, b bottlestate.Bottle, lost *bottlestate.Snapshot, opts ResumeOptions) error {
	gone := &SnapshotGoneError{Slug: b.Slug, Snapshot: lost, Other: surviving(ctx, be, store, b.Slug, 0)}
	if b.Agent == "" && b.Dockerfile == "" && b.Image == "" {
		gone.Err = errAdopted
		return gone
	}
	from := "the Dockerfile"
	if b.Image != "" {
		from = "the image " + b.Image
	}
	// The source is opened first: what is said next is only true if it is there.
	open := opts.Open
	if b.Image == "" {
		src, cleanup, err := opts.Open(b)
		if err != nil {
			gone.Err = err
			return gone
		}
		defer cleanup()
		open = func(bottlestate.Bottle) (backends.Source, func(), error) { return src, func() {}, nil }
	}
	if opts.RequireSnapshot {
		gone.Refused = true
		return gone
	}
	if lost == nil {
		opts.Warn.Say("bottle %s is gone from the engine and has no snapshot to boot from; rebuilding from %s: everything done in it is lost", b.Slug, from)
	} else {
		opts.Warn.Say("snapshot %s@%d is gone from the engine; rebuilding from %s: the state committed at %s is lost",
			b.Slug, lost.Number, from, lost.Created.Local().Format("2006-01-02 15:04:05"))
	}
	sayOther(b.Slug, gone.Other, opts.Warn)
	image, err := build(ctx, be, b, open, opts.Log, opts.Notify)
	if err != nil {
		gone.Err = err
		return gone
	}
	// The next snapshot has no parent; set before there is anything to commit.
	before, err := headNumber(store, b.Slug)
	if err == nil {
		err = store.SetHead(b.Slug, 0)
	}
	if err != nil {
		return err
	}
	err = boot(ctx, be, b, image.ID, true)
	if err != nil {
		err = errors.Join(err, store.SetHead(b.Slug, before))
	}
	if errors.Is(err, fs.ErrNotExist) && b.Workspace != "" {
		gone.Err = err
		return gone
	}
	return err
}

// surviving returns the newest snapshot that the engine still has, but for the
// one of that number, or 0.
func surviving(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, but int) int {
	snaps, _, _ := store.Snapshots(slug)
	for i := len(snaps) - 1; i >= 0; i-- {
		if snaps[i].Number == but {
			continue
		}
		if ok, err := be.ArtifactExists(ctx, snaps[i]); err == nil && ok {
			return snaps[i].Number
		}
	}
	return 0
}
