package docker

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/moby/term"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Exec runs a program with the streams of stdio.
func (b *Backend) Exec(ctx context.Context, bottle bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error {
	size := consoleSize(stdio)
	created, err := b.createExec(ctx, bottle, client.ExecCreateOptions{
		User:         p.User,
		TTY:          stdio.TTY,
		ConsoleSize:  size,
		AttachStdin:  stdio.In != nil,
		AttachStdout: true,
		AttachStderr: true,
		Env:          p.Env,
		WorkingDir:   p.Dir,
		Cmd:          p.Args,
	})
	if err != nil {
		return err
	}
	conn, err := b.api.ExecAttach(ctx, created.ID, client.ExecAttachOptions{TTY: stdio.TTY, ConsoleSize: size})
	if err != nil {
		return engineError(err)
	}
	defer conn.Close()
	if err := b.stream(ctx, created.ID, conn.HijackedResponse, stdio); err != nil {
		return err
	}
	return b.exitStatus(ctx, created.ID)
}

func (b *Backend) createExec(ctx context.Context, bottle bottlestate.Bottle, options client.ExecCreateOptions) (client.ExecCreateResult, error) {
	created, err := b.api.ExecCreate(ctx, backends.Name(bottle.Slug), options)
	if !errdefs.IsConflict(err) {
		return created, engineError(err)
	}
	// Paused, or not running.
	if ctr, inspectErr := b.inspect(ctx, bottle); inspectErr == nil && ctr.State.Paused {
		return created, fmt.Errorf("%w: %w", backends.ErrPaused, err)
	}
	return created, engineError(err)
}

func (b *Backend) exitStatus(ctx context.Context, execID string) error {
	res, err := b.api.ExecInspect(ctx, execID, client.ExecInspectOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("the program's exit status: %w", engineError(err))
	case res.Running:
		return backends.ErrDetached
	case res.ExitCode != 0:
		return &backends.ExitError{Code: res.ExitCode}
	}
	return nil
}

// stream copies both ways until the program's output ends.
func (b *Backend) stream(ctx context.Context, execID string, conn client.HijackedResponse, stdio backends.Stdio) error {
	if stdio.TTY {
		restore, err := rawTerminal(stdio)
		if err != nil {
			return err
		}
		defer restore()
		defer b.followSize(ctx, execID, stdio)()
	}
	done := make(chan error, 2)
	if stdio.In != nil {
		in, err := b.detachable(stdio)
		if err != nil {
			return err
		}
		go func() {
			_, err := io.Copy(conn.Conn, in)
			if _, detached := err.(term.EscapeError); detached {
				done <- backends.ErrDetached
			}
			_ = conn.CloseWrite()
		}()
	}
	go func() {
		var err error
		if stdio.TTY {
			_, err = io.Copy(stdio.Out, conn.Reader)
		} else {
			_, err = stdcopy.StdCopy(stdio.Out, stdio.Err, conn.Reader)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// KeysOf returns the keys that the person has set, or docker's.
func (b *Backend) KeysOf(stdio backends.Stdio) string {
	return cmp.Or(stdio.DetachKeys, "ctrl-p,ctrl-q")
}

// detachable is the input, ending in a term.EscapeError at the detach keys. The
// engine would notice them too, but writes an error into the output then.
func (b *Backend) detachable(stdio backends.Stdio) (io.Reader, error) {
	if !stdio.TTY {
		return stdio.In, nil
	}
	keys, err := term.ToBytes(b.KeysOf(stdio))
	if err != nil {
		return nil, fmt.Errorf("detach keys %q: %w", stdio.DetachKeys, err)
	}
	return term.NewEscapeProxy(stdio.In, keys), nil
}

// rawTerminal puts both ends of the terminal into raw mode and returns the
// function that undoes it.
func rawTerminal(stdio backends.Stdio) (restore func(), err error) {
	restore = func() {}
	inFd, inTerm := term.GetFdInfo(stdio.In)
	if inTerm {
		old, err := term.SetRawTerminal(inFd)
		if err != nil {
			return restore, fmt.Errorf("terminal: %w", err)
		}
		restore = func() { _ = term.RestoreTerminal(inFd, old) }
	}
	outFd, outTerm := term.GetFdInfo(stdio.Out)
	if outTerm {
		old, err := term.SetRawTerminalOutput(outFd)
		if err != nil {
			restore()
			return func() {}, fmt.Errorf("terminal: %w", err)
		}
		restoreIn := restore
		restore = func() { _ = term.RestoreTerminal(outFd, old); restoreIn() }
	}
	return restore, nil
}

func consoleSize(stdio backends.Stdio) client.ConsoleSize {
	if !stdio.TTY {
		return client.ConsoleSize{}
	}
	fd, isTerm := term.GetFdInfo(stdio.Out)
	if !isTerm {
		return client.ConsoleSize{}
	}
	size, err := term.GetWinsize(fd)
	if err != nil {
		return client.ConsoleSize{}
	}
	return client.ConsoleSize{Height: uint(size.Height), Width: uint(size.Width)}
}

// followSize gives the program the terminal's size, now and whenever it
// changes. Engines before API 1.42 ignore the size given with the exec.
func (b *Backend) followSize(ctx context.Context, execID string, stdio backends.Stdio) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		changed, ignore := resized()
		defer ignore()
		for {
			b.resize(ctx, execID, consoleSize(stdio))
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return cancel
}

// resize tries for a few seconds: the exec may not have begun yet.
func (b *Backend) resize(ctx context.Context, execID string, size client.ConsoleSize) {
	for pause := 10 * time.Millisecond; pause < time.Second; pause += pause / 2 {
		if _, err := b.api.ExecResize(ctx, execID, client.ExecResizeOptions(size)); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
