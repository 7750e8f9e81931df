package smolmachines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// boots tells one boot of a machine from the next: its console's log, to which
// the tool adds at each. It is empty if there is no such log, which says
// nothing. It is only ever compared for equality: clocks are set.
func (b *Backend) boots(ctx context.Context, m machine) (string, error) {
	dir, err := b.dataDir(ctx, m)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(filepath.Join(dir, "agent-console.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), nil
}

// errStarted is a machine that somebody has started while it was packed: what
// was read of its disk is of no one moment.
var errStarted = errors.New("the machine was started while it was packed, so the snapshot would not be whole and was given up: commit again")

// undisturbed returns nil if the machine is stopped, and was not booted since
// boots was what it is given as. A whole pack is not given up because the tool
// was busy for a moment.
func (f *freeze) undisturbed(ctx context.Context, before string) error {
	m, err := f.inspect(ctx, f.bottle)
	for tries := 0; err != nil && !isNotFound(err) && ctx.Err() == nil && tries < 5; tries++ {
		time.Sleep(time.Second)
		m, err = f.inspect(ctx, f.bottle)
	}
	if err != nil {
		return err
	}
	after, err := f.boots(ctx, m)
	if err != nil {
		return err
	}
	if !m.isStopped() || after != before {
		return errStarted
	}
	return nil
}
