package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/docker/cli/cli"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Report prints err, with the next step where there is one, and returns the
// program's exit status: 0 for the person's own "no", the agent's own status,
// 130 for an interrupt, 125 for wrong usage, 1 for anything else.
func (p *Program) Report(w io.Writer, err error) int {
	var status cli.StatusError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, backends.ErrCommitCancelled):
		fmt.Fprintln(w, "cancelled: nothing was committed")
		return 0
	case errors.Is(err, errNonePicked):
		fmt.Fprintln(w, "cancelled:", errNonePicked)
		return 0
	case errors.As(err, &status):
		// The status can be one of several errors, or have a name before it.
		if text := err.Error(); text != "" {
			fmt.Fprintln(w, text)
		}
		return max(status.StatusCode, 1)
	}
	if errors.Is(err, context.Canceled) {
		// What was interrupted, and what else went wrong, such as an image that
		// may be left, is worth reading.
		text := strings.ReplaceAll("interrupted: "+err.Error(), ": "+context.Canceled.Error(), "")
		fmt.Fprintln(w, text)
		return 130
	}
	fmt.Fprintln(w, p.hint(err))
	var exit *backends.ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}

// usage is the error of a command line that cannot mean anything.
func usage(format string, args ...any) error {
	return cli.StatusError{StatusCode: 125, Status: fmt.Sprintf(format, args...)}
}

// hinted is an error with its next step.
type hinted struct {
	error
	next string
}

func (h hinted) Error() string { return h.error.Error() + "\n" + h.next }

func (h hinted) Unwrap() error { return h.error }

// hint adds the next step to an error of a known kind, ready to paste.
func (p *Program) hint(err error) error {
	var (
		already hinted
		wrong   *bottle.WrongEngineError
		record  *bottle.RecordError
		unknown *bottlestate.UnknownSnapshotError
		corrupt *bottlestate.CorruptError
		state   *bottle.StateError
		gone    *bottle.SnapshotGoneError
		none    *bottle.NoSnapshotError
		present *bottle.PresentError
		secret  *bottle.MissingSecretError
		session *bottle.SessionError
		lost    *bottle.UnrecordedError
	)
	next := func(format string, args ...any) error { return hinted{err, fmt.Sprintf(format, args...)} }
	switch {
	case errors.As(err, &already):
		return err
	case errors.As(err, &wrong):
		return next("use: %s bottle %s", wrong.Command, p.Args)
	case errors.As(err, &record):
		return next("record it with: %s adopt %s", p.Invocation, record.Slug)
	case errors.As(err, &unknown):
		return next("see what is kept with: %s log %s", p.Invocation, unknown.Slug)
	case errors.As(err, &corrupt) && !errors.Is(corrupt, bottlestate.ErrNewer): // which says to update
		return next("see what mends it with: %s doctor %s", p.Invocation, corrupt.Slug)
	case errors.As(err, &state) && state.State == backends.Running:
		return next("stop it first: %s stop %s, or use --force", p.Invocation, state.Slug)
	case errors.As(err, &state):
		return next("bring it up with: %s resume -d %s", p.Invocation, state.Slug)
	case errors.As(err, &gone):
		return hinted{err, p.withoutSnapshot(gone)}
	case errors.As(err, &none):
		return next("make one with: %s commit %s", p.Invocation, none.Slug)
	case errors.As(err, &present):
		return next("lose it with: %s resume --discard --at %d %s", p.Invocation, present.At, present.Slug)
	case errors.As(err, &lost):
		return next("get it back with: %s adopt %s", p.Invocation, lost.Slug)
	case errors.As(err, &session):
		return next("come back to it on a terminal with: %s resume %s", p.Invocation, session.Slug)
	case errors.As(err, &secret):
		return next("export it first, or put it before the command: %s=VALUE %s %s", secret.Name, p.Invocation, p.Args)
	}
	return err
}

// unreadable tells of a bottle's records that are left out as they cannot be
// read.
func (p *Program) unreadable(bad []error) {
	if err := errors.Join(bad...); err != nil {
		p.notify("%v", p.hint(err))
	}
}

// withoutSnapshot is what can be done if a snapshot is gone.
func (p *Program) withoutSnapshot(gone *bottle.SnapshotGoneError) string {
	text := fmt.Sprintf("see what is kept with: %s log %s", p.Invocation, gone.Slug)
	if gone.Other != 0 {
		text += fmt.Sprintf("\ngo back to %s@%d with: %s resume --at %d %s", gone.Slug, gone.Other, p.Invocation, gone.Other, gone.Slug)
	}
	if gone.Refused {
		text += fmt.Sprintf("\nrebuild it with: %s resume %s", p.Invocation, gone.Slug)
	}
	return text
}

// unknown is the error for a name that no bottle has.
func (p *Program) unknown(slug bottlestate.Slug) error {
	bottles, _, err := p.Store.Bottles()
	if err != nil {
		return err
	}
	var near []string
	for _, b := range bottles {
		if distance(string(slug), string(b.Slug)) <= 2 || strings.HasPrefix(string(b.Slug), string(slug)) {
			near = append(near, string(b.Slug))
		}
	}
	err = fmt.Errorf("no bottle %s", slug)
	switch {
	case len(near) > 0:
		return hinted{err, "did you mean " + strings.Join(near, " or ") + "?"}
	case len(bottles) > 0:
		return hinted{err, fmt.Sprintf("see the bottles there are with: %s ls", p.Invocation)}
	}
	return hinted{err, fmt.Sprintf("there is no bottle yet; make one with: %s start", p.Invocation)}
}

// distance is the Levenshtein distance of two short strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// taken is the error for a start with the name of a bottle that exists, maybe
// on another engine.
func (p *Program) taken(err error, slug bottlestate.Slug) error {
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = fmt.Errorf("bottle %s exists already", slug)
	invocation := p.Invocation
	var wrong *bottle.WrongEngineError
	switch _, _, openErr := p.open(string(slug)); {
	case errors.As(openErr, &wrong):
		invocation = wrong.Command + " bottle"
	case openErr != nil:
		return errors.Join(err, openErr)
	}
	return hinted{err, fmt.Sprintf("bring it back with: %s resume %s", invocation, slug)}
}
