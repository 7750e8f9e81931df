package macoscontainer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// spawn runs "$@" with its output added to the log, and leaves the exit status
// in the file $1.
const spawn = `f=$1; shift
: >"$f" || exit
"$@" >>` + logFile + ` 2>&1 </dev/null
echo $? >"$f"`

const logFile = backends.RunDir + "/log"

// Spawn runs a program in the background. The run is its mark and the name of
// its status file.
func (b *Backend) Spawn(ctx context.Context, bottle bottlestate.Bottle, p backends.Process) (string, error) {
	if err := errors.Join(checkEnv(p.Env), b.makeRunDir(ctx, bottle)); err != nil {
		return "", err
	}
	id := strings.ToLower(rand.Text())
	p.Args = append([]string{"/bin/sh", "-c", spawn, "sh", path.Join(backends.RunDir, id)}, p.Args...)
	err := once(ctx, b.limits.slow, func(ctx context.Context) *exec.Cmd {
		return b.execCommand(ctx, bottle, p, id, "--detach")
	})
	if err != nil {
		// It may have begun all the same, and nobody would know of it.
		return "", errors.Join(err, b.end(context.WithoutCancel(ctx), bottle, id))
	}
	return id, nil
}

// makeRunDir makes the place where programs of every user leave a status and
// add to the log.
func (b *Backend) makeRunDir(ctx context.Context, bottle bottlestate.Bottle) error {
	_, err := b.run(ctx, b.limits.quick, "exec", "--user", "0", backends.Name(bottle.Slug), "/bin/sh", "-c",
		"mkdir -p "+backends.RunDir+" && chmod 1777 "+backends.RunDir+" && { [ -e "+logFile+" ] || : >"+logFile+"; } && chmod 666 "+logFile)
	return err
}

// waitEvery is how often Wait looks.
const waitEvery = 500 * time.Millisecond

// Wait asks for the status until it is there. A stopped bottle cannot be looked
// into.
func (b *Backend) Wait(ctx context.Context, bottle bottlestate.Bottle, run string) (int, error) {
	ask := backends.Process{Args: []string{"/bin/sh", "-c", askStatus, "sh", run, path.Join(backends.RunDir, run)}, User: "0"}
	for {
		ctr, err := b.inspect(ctx, bottle)
		if err != nil {
			return 0, err
		}
		if ctr.state() != backends.Running {
			return 0, errors.New("the bottle is stopped: the exit status of its agent can be read once it is up again")
		}
		var out, errOut bytes.Buffer
		limited, cancel := context.WithTimeout(ctx, b.limits.quick)
		err = b.Exec(limited, bottle, ask, backends.Stdio{Out: &out, Err: &errOut})
		cancel()
		var tool *toolError
		var exit *backends.ExitError
		switch status := strings.TrimSpace(out.String()); {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case errors.As(err, &exit) && strconv.Itoa(exit.Code) == lost:
			return 0, errors.New("the bottle was stopped before its agent ended")
		case errors.As(err, &tool) && tool.isBusy(): // asked again
		case err != nil:
			return 0, fmt.Errorf("asking for the agent's exit status: %w: %s", err, strings.TrimSpace(errOut.String()))
		case status != "":
			return strconv.Atoi(status)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(waitEvery):
		}
	}
}

// Logs copies the log of background programs, which the tool has none of. Both
// of their streams are in it.
func (b *Backend) Logs(ctx context.Context, bottle bottlestate.Bottle, follow bool, out, errOut io.Writer) error {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return err
	}
	if ctr.state() != backends.Running {
		return fmt.Errorf("bottle %s is stopped: its output can be read once it is up again", bottle.Slug)
	}
	args := []string{"cat", logFile}
	if follow {
		args = []string{"tail", "-n", "+1", "-f", logFile}
	}
	if err := b.makeRunDir(ctx, bottle); err != nil {
		return err
	}
	return b.Exec(ctx, bottle, backends.Process{Args: args, User: "0"}, backends.Stdio{Out: out, Err: errOut})
}
