package macoscontainer

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// findMarked calls the shell function found with the id of each program that
// has the mark $1.
const findMarked = `for p in /proc/[0-9]*; do
  e=; while IFS= read -r l || [ -n "$l" ]; do e=$e$l; done 2>/dev/null <$p/environ
  case $e in *` + markEnv + `=$1*) found ${p#/proc/};; esac
done 2>/dev/null
`

// endMarked sends them the signal $2.
const endMarked = `s=$2; found() { kill -$s $1; }
` + findMarked

// askStatus prints what is in the status file $2, or nothing while there is a
// program with the mark $1 that will write to it. If there is neither, the
// program has ended with its bottle.
const askStatus = `f=$2; alive=; found() { alive=yes; }
[ -s $f ] && exec cat $f
` + findMarked + `[ -n "$alive" ] || [ -s $f ] || exit ` + lost + `
[ -n "$alive" ] || cat $f`

const lost = "99"

// endTime is how long an interrupted program may keep us; a busy service
// answers within.
const endTime = 20 * time.Second

// end ends the programs of an exec.
func (b *Backend) end(ctx context.Context, bottle bottlestate.Bottle, mark string) error {
	for _, signal := range []string{"TERM", "KILL"} {
		err := once(ctx, endTime, func(ctx context.Context) *exec.Cmd {
			return command(ctx, "exec", "--user", "0", backends.Name(bottle.Slug), "/bin/sh", "-c", endMarked, "sh", mark, signal)
		})
		if err != nil {
			return fmt.Errorf("the program may still run in bottle %s: %w", bottle.Slug, err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	return nil
}
