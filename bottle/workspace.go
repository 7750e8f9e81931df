package bottle

import (
	"context"
	"fmt"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/dirtar"
)

func copyWorkspace(ctx context.Context, be backends.Backend, b bottlestate.Bottle) error {
	tree, err := dirtar.Open(ctx, b.Workspace)
	if err != nil {
		return fmt.Errorf("workspace %s: %w", b.Workspace, err)
	}
	defer tree.Close()
	if err := be.CopyWorkspace(ctx, b, backends.Counted(ctx, backends.Progress{Step: "copying the workspace"}, tree)); err != nil {
		return fmt.Errorf("workspace %s: %w", b.Workspace, err)
	}
	return nil
}
