package inside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// spawn runs "$@" with its output added to the log, and leaves the exit status
// in the file $1.
const spawn = `: >"$1" || exit
(shift; exec "$@") >>` + logFile + ` 2>&1 </dev/null
echo $? >"$1"`

const logFile = backends.RunDir + "/log"

// MakeRunDir is a script that makes the place where programs of every user
// leave a status and add to the log. It is run by root.
const MakeRunDir = "mkdir -p " + backends.RunDir + " && chmod 1777 " + backends.RunDir +
	" && { [ -e " + logFile + " ] || : >" + logFile + "; } && chmod 666 " + logFile

// Background returns p as a program in the background, to be detached from,
// that [Wait] knows as run and is marked with it.
func Background(p backends.Process, run string) backends.Process {
	p.Args = append([]string{"/bin/sh", "-c", spawn, "sh", path.Join(backends.RunDir, run)}, p.Args...)
	return p
}

// Bottles is what the functions here need of a backend.
type Bottles interface {
	Exec(ctx context.Context, b bottlestate.Bottle, p backends.Process, stdio backends.Stdio) error
	State(ctx context.Context, b bottlestate.Bottle) (backends.State, error)
}

const (
	waitFirst = 250 * time.Millisecond // and a tenth more each time, up to
	waitMost  = 5 * time.Second
	waitAsk   = time.Minute // for one answer
)

// Wait returns the exit status of a run, and asks for it until it is there. A
// stopped bottle cannot be looked into. After an error that again reports to
// be none, it asks again; again may be nil.
func Wait(ctx context.Context, be Bottles, b bottlestate.Bottle, run string, again func(error) bool) (int, error) {
	for pause := waitFirst; ; pause = min(pause+pause/10, waitMost) {
		status, err := askFor(ctx, be, b, run)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err != nil && (again == nil || !again(err)):
			return 0, err
		case err == nil && status != "":
			return strconv.Atoi(status)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// askFor returns the status of a run, or "" while it has none.
func askFor(ctx context.Context, be Bottles, b bottlestate.Bottle, run string) (string, error) {
	if err := up(ctx, be, b, "the exit status of its agent"); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, waitAsk)
	defer cancel()
	var out, errOut bytes.Buffer
	err := be.Exec(ctx, b, backends.Process{
		Args: []string{"/bin/sh", "-c", askStatus, "sh", run, path.Join(backends.RunDir, run)},
		User: "0",
		Dir:  "/", // the agent may have removed the image's
	}, backends.Stdio{Out: &out, Err: &errOut})
	var exit *backends.ExitError
	switch {
	case errors.As(err, &exit) && strconv.Itoa(exit.Code) == lost:
		return "", errors.New("the bottle was stopped before its agent ended")
	case err != nil:
		return "", fmt.Errorf("asking for the agent's exit status: %w: %s", err, strings.TrimSpace(errOut.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// up returns nil if the bottle runs, so that what is in it can be read.
func up(ctx context.Context, be Bottles, b bottlestate.Bottle, what string) error {
	switch state, err := be.State(ctx, b); {
	case err != nil:
		return err
	case state == backends.Gone:
		return fmt.Errorf("bottle %s: %w", b.Slug, backends.ErrNotFound)
	case state != backends.Running:
		return fmt.Errorf("bottle %s is %s: %s can be read once it is up again", b.Slug, state, what)
	}
	return nil
}

// Logs copies the log of background programs. Both of their streams are in it.
func Logs(ctx context.Context, be Bottles, b bottlestate.Bottle, follow bool, out, errOut io.Writer) error {
	if err := up(ctx, be, b, "its output"); err != nil {
		return err
	}
	args := []string{"/bin/sh", "-c", MakeRunDir + ` && exec "$@"`, "sh", "cat", logFile}
	if follow {
		args = append(args[:4], "tail", "-n", "+1", "-f", logFile)
	}
	return be.Exec(ctx, b, backends.Process{Args: args, User: "0", Dir: "/"}, backends.Stdio{Out: out, Err: errOut})
}
