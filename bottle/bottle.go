// Package bottle is what the verbs do: plain functions over a backend and the
// records on disk, one file a verb. They print nothing; what a person should
// hear while they work goes to a Notify function.
package bottle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Notify is told what a person should hear.
type Notify = backends.Notify

// OpenSource finds a bottle's Dockerfile and build context. The cleanup is
// called after the build. A context that is gone matches fs.ErrNotExist.
type OpenSource func(b bottlestate.Bottle) (src backends.Source, cleanup func(), err error)

// WrongEngineError is returned for a bottle that belongs to another engine
// than the one that was asked.
type WrongEngineError struct {
	Slug bottlestate.Slug
	// Where is the bottle's engine, Here the one that was asked.
	Where, Here string
	// Command is how a command line begins that gets to the bottle's engine.
	Command string
}

func (e *WrongEngineError) Error() string {
	return fmt.Sprintf("bottle %s belongs to %s, not to %s", e.Slug, e.Where, e.Here)
}

// StateError is returned for a bottle that is not in the state a verb needs.
type StateError struct {
	Slug  bottlestate.Slug
	State backends.State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("bottle %s is %s", e.Slug, e.State)
}

// Open returns the record of slug, if it belongs to the engine behind be.
func Open(be backends.Backend, store bottlestate.Store, slug bottlestate.Slug) (bottlestate.Bottle, error) {
	b, err := store.Bottle(slug)
	if err != nil {
		return b, err
	}
	return b, CheckEngine(be, b)
}

// CheckEngine returns a *WrongEngineError if the bottle belongs to another
// engine. The address decides: two contexts may name the same engine.
func CheckEngine(be backends.Backend, b bottlestate.Bottle) error {
	if backends.IsEndpoint(be, b.Endpoint) {
		return nil
	}
	name, address := be.Endpoint()
	where, command := backends.Reach(be, b.Context, b.Endpoint)
	here, _ := backends.Reach(be, name, address)
	return &WrongEngineError{b.Slug, where, here, command}
}

// lock takes the bottle's lock, and tells the person if that takes a while.
func lock(ctx context.Context, store bottlestate.Store, slug bottlestate.Slug, notify Notify) (unlock func(), err error) {
	waiting := time.AfterFunc(500*time.Millisecond, func() {
		notify.Say("waiting for another docker bottle command on %s to finish", slug)
	})
	defer waiting.Stop()
	return store.Lock(ctx, slug)
}

// openLocked is Open with the bottle's lock held, until unlock is called.
func openLocked(ctx context.Context, be backends.Backend, store bottlestate.Store, slug bottlestate.Slug, notify Notify) (b bottlestate.Bottle, unlock func(), err error) {
	if unlock, err = lock(ctx, store, slug, notify); err != nil {
		return b, nil, err
	}
	if b, err = Open(be, store, slug); err != nil {
		unlock()
		return b, nil, err
	}
	return b, unlock, nil
}

// MissingSecretError is returned for a secret that is not in the environment.
type MissingSecretError struct{ Name string }

func (e *MissingSecretError) Error() string {
	return fmt.Sprintf("secret %s is not set in the environment", e.Name)
}

// processEnv returns the bottle's env and the values of its secrets and its
// agent's, which come from this process's environment each time anew.
func processEnv(b bottlestate.Bottle) ([]string, error) {
	env := append([]string{}, b.Env...)
	for _, name := range b.Secrets {
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil, &MissingSecretError{name}
		}
		env = append(env, name+"="+value)
	}
	for _, name := range Handed(b) {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env, nil
}

// process is the program args as the bottle runs it: with its env and
// secrets, in its workspace.
func process(b bottlestate.Bottle, args []string) (backends.Process, error) {
	env, err := processEnv(b)
	p := backends.Process{Args: args, Env: env}
	if b.Workspace != "" {
		p.Dir = backends.WorkDir
	}
	return p, err
}

// headNumber is the parent of the next snapshot, or 0.
func headNumber(store bottlestate.Store, slug bottlestate.Slug) (int, error) {
	head, err := store.Head(slug)
	if errors.Is(err, bottlestate.ErrNotFound) {
		return 0, nil
	}
	return head.Number, err
}

// build makes the bottle's image from its Dockerfile, or looks its image up. One
// that was built before is told.
func build(ctx context.Context, be backends.Backend, b bottlestate.Bottle, open OpenSource, log io.Writer, notify Notify) (backends.Image, error) {
	if b.Image != "" {
		return be.Build(ctx, b, backends.Source{}, log)
	}
	src, cleanup, err := open(b)
	if err != nil {
		return backends.Image{}, err
	}
	defer cleanup()
	backends.Step(ctx, "building the image")
	image, err := be.Build(ctx, b, src, log)
	if err == nil && !image.Built.IsZero() {
		age := units.HumanDuration(max(time.Since(image.Built), 0))
		notify.Say("using the image that was built %s ago", strings.ToLower(age[:1])+age[1:])
	}
	return image, err
}

// boot creates the bottle from image, starts it, and copies the workspace if
// asked to. After an error the engine has nothing of it.
func boot(ctx context.Context, be backends.Backend, b bottlestate.Bottle, image string, workspace bool) error {
	backends.Step(ctx, "creating the bottle")
	if err := be.Create(ctx, b, image); err != nil {
		return err
	}
	backends.Step(ctx, "booting the bottle")
	err := be.Start(ctx, b)
	if err == nil && workspace && b.Workspace != "" {
		err = copyWorkspace(ctx, be, b)
	}
	if err != nil {
		return errors.Join(err, be.Remove(context.WithoutCancel(ctx), b, true))
	}
	return nil
}
