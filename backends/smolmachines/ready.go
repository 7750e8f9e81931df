package smolmachines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// prepare makes a machine that has come up a bottle. It begins with the word
// $1, so that it is known to have run, and ends with "done". The file $2 is in
// every bottle, and so in every artifact of one: a machine that has come up
// without its tree boots all the same. $3 is "image" for a machine that was not
// made from an artifact; in one that was, "first" is said at its first boot,
// when what programs wrote into the run directory is another machine's. The
// other arguments are where a tmpfs is to be, each with its options.
const prepare = `echo "$1"; mark=$2 boot=$3; shift 3
[ "$boot" = image ] || [ -e "$mark" ] || { echo ` + lost + `; exit; }
if [ "$boot" = first ]; then
  for f in ` + backends.RunDir + `/*; do [ "$f" = "$mark" ] || rm -f "$f"; done
fi
` + inside.MakeRunDir + ` && : >>"$mark" || exit
while [ $# -gt 0 ]; do
  dir=$1 options=$2; shift 2
  mounted=; while read -r _ at _; do [ "$at" != "$dir" ] || mounted=yes; done </proc/mounts
  [ -n "$mounted" ] || { mkdir -p "$dir" && mount -t tmpfs ${options:+-o "$options"} tmpfs "$dir"; } || exit
done
for dir in /tmp /var/tmp; do [ ! -d $dir ] || chmod 1777 $dir; done
echo done`

const (
	lost     = "tree-is-lost"
	markFile = backends.RunDir + "/bottle"
)

// lostError is a machine that has come up with nothing of the bottle in it. One
// that was new is removed, so that nothing uses what it was made from; what
// that is unpacked into may not be whole any more. In another there may be work
// that is in no snapshot: it may yet come up as it should.
type lostError struct{ m machine }

func (e *lostError) Error() string {
	text := fmt.Sprintf("machine %s has come up without the bottle's files in it; ", e.m.Name)
	if bootOf(e.m) == "first" {
		return text + "have smolvm unpack its snapshot anew, and resume again: smolvm pack prune --all"
	}
	return text + "if that is so again at the next resume, remove it, and resume from its snapshot, without what was done since: smolvm machine delete --name " + e.m.Name + " -f"
}

// ready waits until the machine answers, and prepares it; m is what it was
// before it was started. Right after a start the tool may still say that there
// is nothing to run programs in (smolvm#890), on any stream, so nothing but the
// expected answer counts.
func (b *Backend) ready(ctx context.Context, bottle bottlestate.Bottle, m machine) error {
	word := newMark()
	args := []string{"/bin/sh", "-c", prepare, "sh", word, markFile, bootOf(m)}
	for _, t := range bottle.Tmpfs {
		target, options, _ := strings.Cut(t, ":")
		args = append(args, target, options)
	}
	for until := time.Now().Add(b.limits.ready); ; {
		var out, errOut bytes.Buffer
		asked, cancel := context.WithTimeout(ctx, b.limits.ready)
		err := b.exec(asked, m, backends.Process{Args: args, User: "0", Dir: "/"}, backends.Stdio{Out: &out, Err: &errOut})
		cancel()
		answer := strings.Fields(out.String())
		ran := len(answer) > 0 && answer[0] == word
		text := strings.TrimSpace(strings.TrimPrefix(out.String(), word+"\n") + errOut.String())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && slices.Equal(answer, []string{word, "done"}):
			return nil
		case ran && slices.Contains(answer, lost):
			return errors.Join(&lostError{m}, b.Stop(context.WithoutCancel(ctx), bottle))
		case ran:
			return fmt.Errorf("machine %s cannot be made ready: %w", m.Name, errors.Join(errors.New(text), notStatus(err)))
		case time.Now().After(until):
			return fmt.Errorf("machine %s does not answer as a bottle does, which needs /bin/sh and sleep in its image: %w", m.Name, errors.Join(err, errors.New(text)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// bootOf says which boot of the machine it is, as prepare has it.
func bootOf(m machine) string {
	switch {
	case m.Labels[bootedLabel] == "":
		return "image"
	case m.State == "created":
		return "first"
	}
	return "again"
}

// notStatus leaves out the status of a script, which is not that of the command.
func notStatus(err error) error {
	var exit *backends.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
