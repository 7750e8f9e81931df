package smolmachines

import (
	"bytes"
	"context"
	"sort"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// storageDir is kept by the machine, and is in no artifact of it.
const storageDir = "/workspace"

// Mounts returns what the bottle asked for, which the tool does not tell; and,
// unless it is empty, the place that smolvm keeps out of artifacts.
func (b *Backend) Mounts(ctx context.Context, bottle bottlestate.Bottle) ([]bottlestate.Mount, error) {
	m, err := b.settled(ctx, bottle)
	if err != nil {
		return nil, err
	}
	return b.mounts(ctx, bottle, m.state() == backends.Running)
}

func (b *Backend) mounts(ctx context.Context, bottle bottlestate.Bottle, running bool) ([]bottlestate.Mount, error) {
	all := binds(bottle)
	for _, target := range bottle.Tmpfs {
		path, _, _ := strings.Cut(target, ":")
		all = append(all, bottlestate.Mount{Type: "tmpfs", Target: path})
	}
	used := true // in doubt: a stopped machine cannot be looked into
	if running {
		asked, err := b.storageUsed(ctx, bottle)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			used = asked
		}
	}
	if used {
		all = append(all, bottlestate.Mount{Type: "storage", Target: storageDir})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Target < all[j].Target })
	return all, nil
}

// storageUsed asks the running machine. A freeze that waits for the answer is
// worth more than it.
func (b *Backend) storageUsed(ctx context.Context, bottle bottlestate.Bottle) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limits.ready)
	defer cancel()
	var out bytes.Buffer
	err := b.Exec(ctx, bottle, backends.Process{
		Args: []string{"/bin/sh", "-c", `for f in ` + storageDir + `/* ` + storageDir + `/.[!.]*; do [ -e "$f" ] && echo used && break; done; :`},
		User: "0",
		Dir:  "/",
	}, backends.Stdio{Out: &out, Err: &bytes.Buffer{}})
	return out.Len() > 0, err
}

func binds(bottle bottlestate.Bottle) []bottlestate.Mount {
	var all []bottlestate.Mount
	for _, volume := range bottle.Volumes {
		source, rest, _ := strings.Cut(volume, ":")
		target, _, _ := strings.Cut(rest, ":")
		all = append(all, bottlestate.Mount{Type: "bind", Source: source, Target: target})
	}
	return all
}
