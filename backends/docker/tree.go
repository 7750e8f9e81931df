package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
	"github.com/docker-bottle/docker-bottle/tempdir"
)

// madeByEngine reports whether an entry of an export is a file that the engine
// puts into every container, in the place of the image's own. Its directories
// (dev, proc, sys and what is in them) are kept: they look the same if they
// are the image's.
func madeByEngine(hdr *tar.Header) bool {
	switch hdr.Name {
	case ".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf":
		return hdr.Typeflag == tar.TypeReg && hdr.Size == 0
	case "etc/mtab":
		return hdr.Typeflag == tar.TypeSymlink && hdr.Linkname == "/proc/mounts"
	}
	return false
}

// createTemporary makes a container of the image that is not to be started.
func (b *Backend) createTemporary(ctx context.Context, slug bottlestate.Slug, img image.InspectResponse) (id string, err error) {
	host := &container.HostConfig{NetworkMode: "none"}
	if img.Config != nil {
		for target := range img.Config.Volumes {
			// Or the engine would make a volume and copy what is there.
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: target})
		}
	}
	return b.createContainer(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image:      img.ID,
			Entrypoint: []string{""},
			Cmd:        []string{"none"},
			WorkingDir: "/", // the engine makes the image's own if it is not there
			Labels:     map[string]string{backends.TemporaryLabel: string(slug), backends.ContainerLabel: ""},
		},
		HostConfig: host,
	})
}

// rootHeader returns the tar header of the container's root directory, which
// an export leaves out. A classic store has no use for it: there it is always
// 0755 and root's.
func (b *Backend) rootHeader(ctx context.Context, id string) (io.Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the engine would go on with what is in it
	res, err := b.api.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: "/."})
	if err != nil {
		return nil, engineError(err)
	}
	defer res.Content.Close()
	hdr, err := tar.NewReader(res.Content).Next()
	if err != nil {
		return nil, err
	}
	if hdr.Typeflag != tar.TypeDir {
		return nil, fmt.Errorf("the engine has it as %q of type %q", hdr.Name, hdr.Typeflag)
	}
	hdr.Name = "./"
	var buf bytes.Buffer
	err = tar.NewWriter(&buf).WriteHeader(hdr)
	return &buf, err
}

// loadWhole makes the image by way of an archive in a temporary file: with
// containerd's store, a layer that was imported by itself is kept compressed
// and under a digest that the engine does not tell.
func (b *Backend) loadWhole(ctx context.Context, id string, tree io.Reader, to ociarchive.Image) error {
	root, err := b.rootHeader(ctx, id)
	if err != nil {
		return fmt.Errorf("the root directory: %w", err)
	}
	dir, remove, err := tempdir.Make(ctx, "compact")
	if err != nil {
		return err
	}
	defer remove()
	f, err := os.CreateTemp(dir, "*.tar")
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := ociarchive.Write(ctx, f, io.MultiReader(root, tree), to, ociarchive.Network{})
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	step := backends.Progress{Step: "loading the image", Total: info.Size()}
	if err := b.load(ctx, backends.Counted(ctx, step, f)); err != nil {
		return err
	}
	img, err := b.api.ImageInspect(ctx, to.Reference)
	if err != nil {
		return engineError(err)
	}
	if img.ID != sum.Manifest.String() && img.ID != sum.Config.String() {
		return fmt.Errorf("image %s was loaded as %s, not as %s", to.Reference, img.ID, sum.Manifest)
	}
	return nil
}

// sweep removes what is temporary of the bottle. The caller holds the bottle's
// lock, so that nobody needs it.
func (b *Backend) sweep(ctx context.Context, slug bottlestate.Slug) error {
	filter := make(client.Filters).Add("label", backends.TemporaryLabel+"="+string(slug))
	containers, err := b.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return engineError(err)
	}
	var errs []error
	for _, ctr := range containers.Items {
		_, err := b.api.ContainerRemove(ctx, ctr.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !isNotFound(err) {
			errs = append(errs, engineError(err))
		}
	}
	images, err := b.api.ImageList(ctx, client.ImageListOptions{Filters: filter})
	if err != nil {
		return errors.Join(append(errs, engineError(err))...)
	}
	for _, img := range images.Items {
		errs = append(errs, b.removeImage(ctx, img.ID))
	}
	return errors.Join(errs...)
}
