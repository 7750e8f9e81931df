package inside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/dirtar"
)

// CopyWorkspace unpacks the tree into [backends.WorkDir], with the ids of the
// image's user in the stream. It needs a running bottle and a tar in the image.
func CopyWorkspace(ctx context.Context, be backends.Execer, b bottlestate.Bottle, tree io.Reader) error {
	uid, gid, err := backends.User(ctx, be, b)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := dirtar.Own(w, tree, backends.WorkDir, uid, gid)
		packed <- err
		w.CloseWithError(err)
	}()
	var errOut bytes.Buffer
	err = be.Exec(ctx, b, backends.Process{Args: []string{"tar", "-xf", "-", "-C", "/"}, User: "0", Dir: "/"}, backends.Stdio{In: r, Out: io.Discard, Err: &errOut})
	r.Close() // ends the packing, if nobody has read to its end
	packErr := <-packed
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case packErr != nil && !errors.Is(packErr, io.ErrClosedPipe):
		return packErr
	case err != nil:
		// Not wrapped: the status of a tar is not that of the command.
		return fmt.Errorf("unpacking it with the image's tar: %v: %s", err, strings.TrimSpace(errOut.String()))
	}
	return nil
}
