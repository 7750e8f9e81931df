package backends

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// ContainerLabel is on every bottle's container, with the slug as its value.
// Images carry other keys: an image inherits the labels of the container it is
// made from, and a container, on some engines, those of its image.
const ContainerLabel = "io.github.docker-bottle.bottle"

// TemporaryLabel is on every container and image that a run makes for itself
// and removes again, with the slug of the bottle that it works on as its value.
const TemporaryLabel = "io.github.docker-bottle.temporary"

// AgentLabel begins the labels in which an image says what is to be known of
// its agent. What it is made from and what is made from it has them too.
const AgentLabel = "io.github.docker-bottle.agent."

// ContinueLabel has a command line for sh that goes on with the agent's last
// conversation.
const ContinueLabel = AgentLabel + "continue"

// AgentLabels are those of an image's labels that speak of its agent.
func AgentLabels(labels map[string]string) map[string]string {
	var about map[string]string
	for key, value := range labels {
		if !strings.HasPrefix(key, AgentLabel) {
			continue
		}
		if about == nil {
			about = map[string]string{}
		}
		about[key] = value
	}
	return about
}

// SnapshotRef is the reference of a snapshot that is an image. Each has its
// own: an image that loses its tag is pruned.
func SnapshotRef(slug bottlestate.Slug, number int) string {
	return fmt.Sprintf("docker-bottle/%s:%d", slug, number)
}

// BaseRef is the reference of the image that a bottle is built into.
func BaseRef(slug bottlestate.Slug) string { return "docker-bottle/" + string(slug) + ":base" }

// LogTerminal returns the terminal that a build's log goes to, for a builder
// that draws on it, or nil.
func LogTerminal(log io.Writer) *os.File {
	if l, ok := log.(interface{ Terminal() *os.File }); ok {
		return l.Terminal()
	}
	return nil
}

// The labels of a snapshot, from which its record can be written again.
const (
	slugLabel    = "io.github.docker-bottle.snapshot.bottle"
	numberLabel  = "io.github.docker-bottle.snapshot.number"
	parentLabel  = "io.github.docker-bottle.snapshot.parent"
	messageLabel = "io.github.docker-bottle.snapshot.message"
	createdLabel = "io.github.docker-bottle.snapshot.created"
	// CompactedLabel is "true" on a snapshot that has its parent's tree.
	CompactedLabel = "io.github.docker-bottle.snapshot.compacted"
)

// SnapshotLabels are the labels of the image that a snapshot is.
func SnapshotLabels(b bottlestate.Bottle, opts FreezeOptions) map[string]string {
	return map[string]string{
		slugLabel:    string(b.Slug),
		numberLabel:  strconv.Itoa(opts.Number),
		parentLabel:  strconv.Itoa(opts.Parent),
		messageLabel: opts.Message,
		createdLabel: time.Now().UTC().Format(time.RFC3339Nano),
		// Blank, or what is committed on top of a compacted one would have it.
		CompactedLabel: "",
		// Of the bottle's command, which need not be its image's.
		ContinueLabel: b.Continue,
	}
}

// SnapshotLabel is on every image that is a snapshot, with the bottle's slug as
// its value.
const SnapshotLabel = slugLabel

// ParseRef returns the bottle that a reference belongs to, and what of it the
// tag names: a number, "base", "latest". It is not ok for a reference that
// SnapshotRef and its like do not make.
func ParseRef(ref string) (slug bottlestate.Slug, tag string, ok bool) {
	ref = strings.TrimPrefix(ref, "docker.io/")
	name, ok := strings.CutPrefix(ref, "docker-bottle/")
	if !ok {
		return "", "", false
	}
	name, tag, ok = strings.Cut(name, ":")
	slug, err := bottlestate.ParseSlug(name)
	return slug, tag, ok && err == nil
}

// ParseNumber returns the number of a snapshot as we write it, or 0.
func ParseNumber(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0
	}
	return n
}

// ParseSnapshotLabels returns what the labels of an image say that it is, and
// an error if that makes no sense: as much of it as could be read is there.
// Labels that do not speak of a snapshot are no error, and no snapshot.
func ParseSnapshotLabels(labels map[string]string) (held HeldSnapshot, err error) {
	if labels[slugLabel] == "" && labels[numberLabel] == "" {
		return held, nil
	}
	held.Message, held.Compacted = labels[messageLabel], labels[CompactedLabel] == "true"
	if held.Slug, err = bottlestate.ParseSlug(labels[slugLabel]); err != nil {
		return held, fmt.Errorf("has a label that says it is of bottle %q", labels[slugLabel])
	}
	if held.Number = ParseNumber(labels[numberLabel]); held.Number == 0 {
		return held, fmt.Errorf("has a label that says it is snapshot %q of %s", labels[numberLabel], held.Slug)
	}
	parent, err := strconv.Atoi(labels[parentLabel])
	if err != nil || parent < 0 || parent >= held.Number {
		return held, fmt.Errorf("has a label that says it is %s@%d and grew from %q", held.Slug, held.Number, labels[parentLabel])
	}
	held.Parent = parent
	return held, nil
}

// SnapshotCommand is the command of the image that a snapshot is: the agent's,
// not the one that keeps the container alive. An image without a command
// cannot be had again, and sh is in every bottle.
func SnapshotCommand(b bottlestate.Bottle) (entrypoint, command []string) {
	if len(b.Argv()) == 0 {
		return nil, []string{"/bin/sh"}
	}
	return b.Entrypoint, b.Command
}

// KeepAlive is the script that a bottle's main process runs. It ends on any
// stop signal, reaps what the agent leaves behind (wait), and outlives a sleep
// that somebody kills; an image without sleep ends at once instead of spinning.
const KeepAlive = `trap 'exit 0' TERM INT QUIT HUP USR1
while :; do
  sleep 2147483 & wait $!
  case $? in 126|127) exit 127;; esac
done`

// RunDir holds what is known of background programs, in the bottle.
const RunDir = "/.bottle"

// User returns the ids of the image's user, asking the running bottle itself:
// the user can be a name that only the image's /etc/passwd knows. It needs
// nothing of the image but sh.
func User(ctx context.Context, e Execer, b bottlestate.Bottle) (uid, gid int, err error) {
	var out, errOut bytes.Buffer
	err = e.Exec(ctx, b, Process{
		Args: []string{"/bin/sh", "-c", `while read -r key value _; do case $key in Uid:|Gid:) echo "$value";; esac; done </proc/self/status`},
	}, Stdio{Out: &out, Err: &errOut})
	if err != nil {
		return 0, 0, fmt.Errorf("asking for the image's user: %w: %s", err, strings.TrimSpace(errOut.String()))
	}
	if _, err := fmt.Sscan(out.String(), &uid, &gid); err != nil {
		return 0, 0, fmt.Errorf("asking for the image's user: unexpected answer %q", out.String())
	}
	return uid, gid, nil
}
