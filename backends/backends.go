// Package backends says what an engine must be able to do to keep bottles.
//
// A backend neither prints nor touches recorded state, and knows no other
// backend. What only some engines can do is an optional interface with one
// method, asked for in one place.
package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

var (
	// ErrCommitCancelled is returned by Freeze when the person said no to a
	// stop that the freeze needs. Nothing has changed; it is not a failure.
	ErrCommitCancelled = errors.New("commit cancelled")

	// ErrNotFound is returned for a bottle or an artifact that the engine
	// does not have. Any other error means that the engine did not say.
	ErrNotFound = errors.New("not found on the engine")

	// ErrUnavailable is matched by the error of a backend whose engine does
	// not answer or whose tool is missing.
	ErrUnavailable = errors.New("engine not available")

	// ErrNotInstalled is matched by the error of a backend whose tool is not
	// on this machine. It is unavailable too.
	ErrNotInstalled = errors.New("not installed")

	// ErrPaused is matched by the error of Exec and Spawn for a bottle that is
	// paused, as it is while it is committed. Nothing was run.
	ErrPaused = errors.New("bottle is paused")
	// ErrTaken is matched by the error of Freeze and Compact for a number whose
	// reference the engine has already: of a bottle that was of this name, say.
	// Nothing was begun.
	ErrTaken = errors.New("exists and is not in this bottle's record")
	// ErrDetached is returned by Exec when the person detached from a program
	// that goes on running.
	ErrDetached = errors.New("detached")
)

// ExitError is returned by Exec for a program that ended with a status other
// than 0, and by Build for a build tool that did.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// Name returns the name of a bottle's container or machine, on every engine.
func Name(slug bottlestate.Slug) string { return "bottle-" + string(slug) }

// WorkDir is where the workspace is, inside a bottle.
const WorkDir = "/work"

// Freezer turns a bottle into an artifact that it can be booted from.
type Freezer interface {
	// Freeze makes the artifact for one new snapshot. The bottle is left
	// running if it was running, also after an error or a cancelled ctx, and
	// then no artifact is left either. ErrNotFound means that the engine has
	// no such bottle; ErrCommitCancelled is the person's own "no".
	Freeze(ctx context.Context, b bottlestate.Bottle, opts FreezeOptions) (Artifact, error)
}

// FreezeOptions is what the artifact is to carry with it, so that the record
// could be rebuilt from the engine alone.
type FreezeOptions struct {
	Number  int
	Parent  int
	Message string
	// NoPause lets the bottle's programs run on while they are copied.
	NoPause bool
	// Exact asks for the way that loses nothing of any file, where the usual
	// one may, and is slower. A backend that has only one way ignores it.
	Exact bool
	// Confirm asks the person before a stop that the freeze needs. It is
	// called only by backends that cannot freeze a running bottle; an error
	// means that nobody could be asked.
	Confirm func(ctx context.Context, question string) (bool, error)
	// Notify is told what the person may like to know besides the result, Warn
	// what went wrong although the artifact is good. They may be nil.
	Notify, Warn Notify
}

// Notify is told one line of text, without a newline. It may be called from
// any goroutine, and may be nil.
type Notify func(format string, args ...any)

// Say tells n the line, if there is somebody to tell.
func (n Notify) Say(format string, args ...any) {
	if n != nil {
		n(format, args...)
	}
}

// Artifact is what Freeze made, as the engine itself describes it.
type Artifact struct {
	Reference   string
	Digest      string
	Created     time.Time
	Size        int64
	NotCaptured []bottlestate.Mount
	// Stopped is set if the bottle did not run while it was frozen, nor after;
	// Restarted if it was stopped for the freeze, and started again.
	Stopped, Restarted bool
	// Still is how long the programs of a running bottle stood still for the
	// freeze: paused, or between a stop and the start after it. It is 0 if
	// they went on.
	Still         time.Duration
	EngineVersion string
	Architecture  string
}

// Backend is an engine that bottles run on. Every method may block on the
// engine and returns when ctx ends. What takes long is told by [Report].
type Backend interface {
	Freezer
	Builder
	Lifecycle
	Execer
	Artifacts
	Surveyor
	Measurer

	// Name is what --backend takes and what the records hold.
	Name() string
	// Endpoint says which engine this is: the context's name and its
	// address. Both are empty where there can be only one.
	Endpoint() (name, address string)
	// Version returns the version of the engine, or an error that matches
	// ErrUnavailable.
	Version(ctx context.Context) (string, error)
}

// Builder makes the image that a new bottle starts from.
type Builder interface {
	// Build builds the bottle's Dockerfile, or looks up its Image, and
	// returns the image. Output of the build goes to log; what is in log
	// after a failure says why. A failed build is an *ExitError or wraps one
	// if the builder gave a status.
	Build(ctx context.Context, b bottlestate.Bottle, src Source, log io.Writer) (Image, error)
}

// Source is where a Dockerfile is: a directory with a build context.
type Source struct {
	Dir        string
	Dockerfile string
}

// Image is something a bottle can be made from.
type Image struct {
	// ID names exactly this image, for as long as it exists.
	ID string
	// Digest is that of its content, in the engine's own terms. It is empty
	// where an engine has none.
	Digest     string
	Entrypoint []string
	Command    []string
	// Labels are those of its labels that speak of its agent; see
	// [AgentLabels].
	Labels map[string]string
	// Built is when it was built, if that was before: what it is FROM may be
	// another image by now. It is zero for one that was built for this call.
	Built time.Time
}

// Lifecycle makes, finds and ends the container or machine of a bottle.
type Lifecycle interface {
	// Create makes the bottle from image, ready to be started. After an error
	// there is nothing. What the bottle asks for besides the image (volumes,
	// limits, network) comes from b. The agent does not run yet.
	Create(ctx context.Context, b bottlestate.Bottle, image string) error
	// CopyWorkspace copies a tar stream into WorkDir, owned by the image's
	// user. The bottle is created and need not be running.
	CopyWorkspace(ctx context.Context, b bottlestate.Bottle, tree io.Reader) error
	// Start brings a stopped bottle up; it is no error if it is running.
	Start(ctx context.Context, b bottlestate.Bottle) error
	// Stop stops it and keeps everything; it is no error if it is stopped.
	Stop(ctx context.Context, b bottlestate.Bottle) error
	// Remove removes it, running or not, with its unnamed volumes if volumes
	// is set; it is no error if it is gone.
	Remove(ctx context.Context, b bottlestate.Bottle, volumes bool) error
	// State returns the state of one bottle. A bottle that the engine does
	// not have is Gone and no error.
	State(ctx context.Context, b bottlestate.Bottle) (State, error)
	// States returns what all bottles on this engine do, with one call. A
	// bottle that is not in it is gone.
	States(ctx context.Context) (map[bottlestate.Slug]Condition, error)
	// ChangedSince reports whether the bottle may hold anything that the
	// snapshot does not. It says yes when in doubt; a bottle that is gone is
	// ErrNotFound. What the engine and the
	// backend put into every bottle is nothing. The time of a snapshot that
	// was compacted says nothing about the bottle.
	ChangedSince(ctx context.Context, b bottlestate.Bottle, snap bottlestate.Snapshot) (bool, error)
	// Mounts returns the places in the bottle that a snapshot would not hold.
	Mounts(ctx context.Context, b bottlestate.Bottle) ([]bottlestate.Mount, error)
}

// State is what a bottle's container or machine is doing.
type State string

// A bottle is in one of these states.
const (
	Running State = "running"
	Stopped State = "stopped"
	Gone    State = "gone"
)

// Condition is a bottle's state as the engine's list tells it.
type Condition struct {
	State State
	// Since is when it began to run, or ended, as roughly as the engine tells
	// it; zero if it does not.
	Since time.Time
}

// Execer runs programs in a running bottle.
type Execer interface {
	// Exec runs a program and waits for it. A status other than 0 is an
	// *ExitError; ErrDetached means that the program goes on. When ctx ends
	// the program may still be running.
	Exec(ctx context.Context, b bottlestate.Bottle, p Process, stdio Stdio) error
	// Spawn runs a program in the background and returns its run, a token
	// for Wait.
	Spawn(ctx context.Context, b bottlestate.Bottle, p Process) (run string, err error)
	// Wait returns the exit status of a run, waiting for its end. A run that
	// ended with its bottle, and so left no status, is an error.
	Wait(ctx context.Context, b bottlestate.Bottle, run string) (int, error)
	// Logs copies the output of background programs.
	Logs(ctx context.Context, b bottlestate.Bottle, follow bool, out, errOut io.Writer) error
}

// Process is a program to run. Its env is seen by the program alone: no
// container, image or record gets to hold it.
type Process struct {
	Args []string
	Env  []string
	// Dir is the working directory; empty means the image's own.
	Dir string
	// User is a user of the image; empty means the image's own.
	User string
}

// Stdio is where a program's streams go. With TTY set, In is a terminal that
// is put into raw mode while the program runs, and restored after.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
	TTY      bool
	// DetachKeys are the keys that leave the program running, in docker's
	// notation; empty means ctrl-p,ctrl-q. They count only with TTY.
	DetachKeys string
}

// Artifacts looks after the things that Freeze made.
type Artifacts interface {
	// ArtifactExists reports whether the snapshot can be booted from.
	ArtifactExists(ctx context.Context, snap bottlestate.Snapshot) (bool, error)
	// RemoveArtifact removes it; it is no error if it is gone.
	RemoveArtifact(ctx context.Context, snap bottlestate.Snapshot) error
	// RemoveCaches removes what is left of a bottle that is being removed:
	// the image it was built into, moving aliases.
	RemoveCaches(ctx context.Context, b bottlestate.Bottle) error
}

// Surveyor finds out what an engine holds where there is no record to go by:
// from labels, names and artifacts alone.
type Surveyor interface {
	// Survey returns everything that says it is ours. It takes the engine a
	// few calls, however much there is. Nothing in it was compared with a
	// record, and nothing is left out because it is doubtful.
	Survey(ctx context.Context) (Holdings, error)
	// RecallBottle returns the record of a bottle as far as the engine knows
	// it: what its container was made with, and the agent's command, from the
	// artifact of snap or, if snap is nil, from what the container was made
	// of. It was created when its container was, or else when snap was; what
	// the engine does not know is empty. What of this may have been asked for
	// is in unknown, in the words of a person: "volumes". A bottle that has
	// neither is ErrNotFound.
	RecallBottle(ctx context.Context, slug bottlestate.Slug, snap *bottlestate.Snapshot) (b bottlestate.Bottle, unknown []string, err error)
	// RecallSnapshot returns the record of a snapshot that Survey has found,
	// as far as the engine knows it, or ErrNotFound if it is gone since.
	RecallSnapshot(ctx context.Context, held HeldSnapshot) (bottlestate.Snapshot, error)
	// RemoveTemporary removes what Survey has found to be temporary; it is no
	// error if it is gone. The caller holds the lock of its bottle.
	RemoveTemporary(ctx context.Context, held HeldTemporary) error
}

// exporter can be implemented by a Backend whose artifacts can be carried to
// another machine with a single command.
type exporter interface {
	// ExportCommand returns the command, ready to paste.
	ExportCommand(b bottlestate.Bottle, snap bottlestate.Snapshot) string
}

// ExportHint returns the command that exports a snapshot, or "" where the
// backend has none.
func ExportHint(b Backend, bottle bottlestate.Bottle, snap bottlestate.Snapshot) string {
	if e, ok := b.(exporter); ok {
		return e.ExportCommand(bottle, snap)
	}
	return ""
}

// mover can be implemented by a Backend that can begin a bottle, on another
// machine, with what the export command has made.
type mover interface {
	// StartOptions returns the options of start that do it.
	StartOptions(b bottlestate.Bottle, snap bottlestate.Snapshot) []string
}

// MoveOptions returns the options of start that begin a bottle with an export
// of the snapshot, or none where a backend cannot.
func MoveOptions(b Backend, bottle bottlestate.Bottle, snap bottlestate.Snapshot) []string {
	if m, ok := b.(mover); ok {
		return m.StartOptions(bottle, snap)
	}
	return nil
}

// optionChecker can be implemented by a Backend that can tell beforehand what
// it cannot give a bottle. One that keeps a bottle to what it may reach has to.
type optionChecker interface {
	// CheckOptions returns what is wrong with what the bottle asks for.
	CheckOptions(b bottlestate.Bottle) error
}

// CheckOptions returns an error for a bottle that asks for what the backend
// cannot do, as far as that is known beforehand; for one that may reach only
// some hosts it always is.
func CheckOptions(b Backend, bottle bottlestate.Bottle) error {
	if c, ok := b.(optionChecker); ok {
		return c.CheckOptions(bottle)
	}
	return RefuseAllowed(b, bottle)
}

// RefuseAllowed returns an error for a bottle that may reach only some hosts, of
// a backend that cannot keep one to them.
func RefuseAllowed(b Backend, bottle bottlestate.Bottle) error {
	if len(bottle.AllowHosts)+len(bottle.AllowCIDRs) > 0 {
		return fmt.Errorf("backend %s cannot keep a bottle to the hosts it may reach (--allow-host, --allow-cidr): use another, or --network none", b.Name())
	}
	return nil
}

// reacher can be implemented by a Backend whose endpoints are no contexts of
// the Docker CLI.
type reacher interface {
	// Reach returns where the engine of an endpoint is, in words, and how a
	// command line begins that gets there.
	Reach(name, address string) (where, command string)
}

// Reach returns where the engine of an endpoint is, in words, and how a command
// line begins that gets there: "docker --context prod". The default context is
// another engine at another time, so its address is given.
func Reach(b Backend, name, address string) (where, command string) {
	if r, ok := b.(reacher); ok {
		return r.Reach(name, address)
	}
	command = "docker --context " + shellescape.Quote(name)
	if name == "" || name == "default" {
		command = "docker -H " + shellescape.Quote(address)
	}
	return fmt.Sprintf("the engine of context %q at %s", name, address), command
}

// equator can be implemented by a Backend one of whose engines can have several
// addresses.
type equator interface {
	// SameEndpoint reports whether two addresses are those of one engine.
	SameEndpoint(one, other string) bool
}

// IsEndpoint reports whether the address that a record has is that of the
// backend's engine.
func IsEndpoint(b Backend, address string) bool {
	_, own := b.Endpoint()
	if e, ok := b.(equator); ok {
		return e.SameEndpoint(own, address)
	}
	return own == address
}

// leaver can be implemented by a Backend whose engine keeps something of a
// bottle that is removed.
type leaver interface {
	// Left returns what a Remove of the bottle will leave, and how to be rid
	// of it, or "".
	Left(ctx context.Context, b bottlestate.Bottle) string
}

// Left returns what the engine will keep of a bottle that is to be removed, and
// how to be rid of it, in words, or "".
func Left(ctx context.Context, b Backend, bottle bottlestate.Bottle) string {
	if l, ok := b.(leaver); ok {
		return l.Left(ctx, bottle)
	}
	return ""
}

// detacher can be implemented by a Backend whose Exec on a terminal can be
// detached from with keys.
type detacher interface {
	// KeysOf returns the keys that do it, in docker's notation.
	KeysOf(stdio Stdio) string
}

// DetachKeys returns the keys that leave a program on a terminal running, in
// docker's notation, or "" where a backend has none.
func DetachKeys(b Backend, stdio Stdio) string {
	if d, ok := b.(detacher); ok {
		return d.KeysOf(stdio)
	}
	return ""
}

// Registry is the backends of this program by name. It is written out once,
// in main.
type Registry map[string]func() (Backend, error)

// Default is the backend of a bottle that does not ask for one.
const Default = "docker"

// Lookup returns the backend, or an error that lists the known ones.
func (r Registry) Lookup(name string) (Backend, error) {
	open, ok := r[name]
	if !ok {
		return nil, fmt.Errorf("unknown backend %q: use one of %s", name, strings.Join(r.Names(), ", "))
	}
	return open()
}

// Names returns the names of the backends, sorted.
func (r Registry) Names() []string {
	names := make([]string, 0, len(r))
	for name := range r {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
