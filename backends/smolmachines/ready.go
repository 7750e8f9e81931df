package smolmachines

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/inside"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// prepare makes a machine that has come up a bottle, and ends with the word
// $1. The file $2 is in every bottle, and so in every artifact of one: a
// machine that has come up without its tree boots all the same. $3 is "image"
// for a machine that was not made from an artifact; in one that was, "first"
// is said at its first boot, when what programs wrote into the run directory
// is another machine's. The other arguments are where a tmpfs is to be.
const prepare = `word=$1 mark=$2 boot=$3; shift 3
[ "$boot" = image ] || [ -e "$mark" ] || { echo ` + lost + `; exit; }
if [ "$boot" = first ]; then
  for f in ` + backends.RunDir + `/*; do [ "$f" = "$mark" ] || rm -f "$f"; done
fi
` + inside.MakeRunDir + ` && : >>"$mark" || exit
for dir; do
  mounted=; while read -r _ at _; do [ "$at" != "$dir" ] || mounted=yes; done </proc/mounts
  [ -n "$mounted" ] || { mkdir -p "$dir" && mount -t tmpfs tmpfs "$dir"; } || exit
done
for dir in /tmp /var/tmp; do [ ! -d $dir ] || chmod 1777 $dir; done
echo "$word"`

const (
	lost     = "tree-is-lost"
	markFile = backends.RunDir + "/bottle"
)

// errLost is a machine that has come up with nothing of the bottle in it.
var errLost = errors.New("the machine has come up without the bottle's files in it: it is stopped, and its snapshots are kept")

// ready waits until the machine answers, and prepares it; m is what it was
// before it was started. Right after a start
// the tool may still say that there is nothing to run programs in (smolvm#890),
// on any stream, so nothing but the expected answer counts.
func (b *Backend) ready(ctx context.Context, bottle bottlestate.Bottle, m machine) error {
	boot := "image"
	switch {
	case m.Labels[bootedLabel] == "":
	case m.State == "created":
		boot = "first"
	default:
		boot = "again"
	}
	word := strings.ToLower(rand.Text())
	args := []string{"/bin/sh", "-c", prepare, "sh", word, markFile, boot}
	for _, target := range bottle.Tmpfs {
		path, _, _ := strings.Cut(target, ":")
		args = append(args, path)
	}
	for until := time.Now().Add(b.limits.ready); ; {
		var out, errOut bytes.Buffer
		asked, cancel := context.WithTimeout(ctx, b.limits.ready)
		err := b.exec(asked, m, backends.Process{Args: args, User: "0", Dir: "/"}, backends.Stdio{Out: &out, Err: &errOut})
		cancel()
		switch answer := strings.TrimSpace(out.String()); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && answer == word:
			return nil
		case answer == lost:
			return errors.Join(errLost, b.Stop(context.WithoutCancel(ctx), bottle))
		case time.Now().After(until):
			text := strings.TrimSpace(out.String() + errOut.String())
			return fmt.Errorf("machine %s does not answer as a bottle does, which needs /bin/sh and sleep in its image: %w", m.Name, errors.Join(err, errors.New(text)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
