package smolmachines

import (
	"context"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Usage looks at the files of the snapshots, each a whole copy, and at the
// disks of the machines. What a machine was made from the tool keeps once more,
// unpacked, for all machines that were, in a place that it does not tell.
func (b *Backend) Usage(ctx context.Context, snaps []bottlestate.Snapshot) (backends.Usage, error) {
	var machines []machine
	if err := b.ask(ctx, &machines, "machine", "ls", "--json"); err != nil {
		return backends.Usage{}, err
	}
	u := backends.Usage{Parts: map[string]int64{}}
	for _, snap := range snaps {
		s, err := readSidecar(snap.Reference)
		if err != nil || s.digest() != snap.Digest {
			continue // gone, or another's
		}
		u.Parts[snap.Reference] = s.size
		u.Holders = append(u.Holders, backends.Holder{Snapshot: snap.Reference, Parts: []string{snap.Reference}})
	}
	for _, m := range machines {
		dir, err := b.dataDir(ctx, m)
		if isNotFound(err) {
			continue // removed since
		} else if err != nil {
			return u, err
		}
		u.Parts[dir] = allocated(dir)
		holder := backends.Holder{Uses: m.Labels[bootedLabel], Parts: []string{dir}}
		if m.Name == backends.Name(m.slug()) {
			holder.Bottle = m.slug()
		}
		u.Holders = append(u.Holders, holder)
	}
	return u, nil
}
