package backends

import (
	"context"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Measurer says who holds what on the engine's disk.
type Measurer interface {
	// Usage returns everything on this engine that holds disk space which
	// snapshots or bottles may hold too, of this program or not. Which
	// snapshots there are is not known to the engine alone, so it is told. One
	// that is gone is not in the answer, nor is another artifact that has taken
	// its reference. The number of questions to the engine does not grow with
	// that of the snapshots, wherever the engine has an answer for all of them.
	Usage(ctx context.Context, snaps []bottlestate.Snapshot) (Usage, error)
}

// Usage is what holds an engine's disk space. A part (a layer, a file) is on
// the disk once, however many hold it, and is freed when the last of them goes.
type Usage struct {
	// Parts are the sizes in bytes, by a key that means something to the
	// engine alone.
	Parts   map[string]int64
	Holders []Holder
}

// Holder is a thing that holds parts. If it is neither a snapshot nor a
// bottle's, it is a stranger's, and what it holds is freed by nobody here.
type Holder struct {
	// Snapshot is the reference of the snapshot that this is; RemoveArtifact
	// takes it away.
	Snapshot string
	// Bottle is the one whose container, machine or cache this is; Remove and
	// RemoveCaches take it away.
	Bottle bottlestate.Slug
	// Uses is the reference of the snapshot that a container or machine was
	// made from, if it was. Whether the engine would refuse to remove that or
	// not, it is in use.
	Uses  string
	Parts []string
}
