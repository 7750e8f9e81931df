package docker

import (
	"context"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Usage asks for all images and all containers. The engine's own account of
// its disk (docker system df) does not list the images between a snapshot and
// its base, does not say which layers are shared, and takes several times as
// long, as it measures volumes too.
func (b *Backend) Usage(ctx context.Context, snaps []bottlestate.Snapshot) (backends.Usage, error) {
	containers, err := b.api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return backends.Usage{}, engineError(err)
	}
	sizes, err := b.writable(ctx, containers.Items)
	if err != nil {
		return backends.Usage{}, err
	}
	images, err := b.api.ImageList(ctx, client.ImageListOptions{All: true})
	if err != nil {
		return backends.Usage{}, engineError(err)
	}
	l, err := b.layers(ctx, images.Items)
	if err != nil {
		return backends.Usage{}, err
	}
	u := backends.Usage{Parts: l.sizes}
	digests := map[string]string{}
	for _, snap := range snaps {
		digests[snap.Reference] = snap.Digest
	}
	snapshots := map[string]string{} // by the image's ID
	for _, img := range images.Items {
		for _, holder := range imageHolders(img, digests, l.parents[img.ID]) {
			holder.Parts = l.of(img.ID)
			u.Holders = append(u.Holders, holder)
			if holder.Snapshot != "" {
				snapshots[img.ID] = holder.Snapshot
			}
		}
	}
	for _, ctr := range containers.Items {
		key := "container " + ctr.ID
		u.Parts[key] = sizes[ctr.ID]
		u.Holders = append(u.Holders, backends.Holder{
			Bottle: bottleOf(ctr),
			Uses:   snapshots[ctr.ImageID],
			Parts:  append([]string{key}, l.of(ctr.ImageID)...),
		})
	}
	return u, nil
}

// writable returns what each bottle's container has written. Only theirs is
// asked for: the engine walks the files of each.
func (b *Backend) writable(ctx context.Context, all []container.Summary) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, ctr := range all {
		if bottleOf(ctr) == "" {
			continue
		}
		list, err := b.api.ContainerList(ctx, client.ContainerListOptions{
			All:     true,
			Size:    true,
			Filters: make(client.Filters).Add("label", backends.ContainerLabel),
		})
		for _, ctr := range list.Items {
			sizes[ctr.ID] = ctr.SizeRw
		}
		return sizes, engineError(err)
	}
	return sizes, nil
}

// bottleOf returns the bottle whose container this is, or "".
func bottleOf(ctr container.Summary) bottlestate.Slug {
	slug := bottlestate.Slug(ctr.Labels[backends.ContainerLabel])
	if slug == "" || containerName(ctr) != backends.Name(slug) {
		return "" // a stranger's, or made by hand from a snapshot
	}
	return slug
}

// imageHolders returns what an image is: each tag of it holds it, as does
// nobody's tag, unless it is the parent of another, with which it goes.
func imageHolders(img image.Summary, digests map[string]string, isParent bool) []backends.Holder {
	var holders []backends.Holder
	var alias *backends.Holder
	snapshot := false
	names := img.RepoTags
	if len(names) == 0 {
		names = img.RepoDigests // all that a pull by digest leaves
	}
	for _, ref := range names {
		if strings.HasPrefix(ref, "<none>") {
			continue
		}
		if digest, ok := digests[ref]; ok && (digest == "" || digest == img.ID) {
			holders = append(holders, backends.Holder{Snapshot: ref})
			snapshot = true
			continue
		}
		slug, tag, _ := backends.ParseRef(ref)
		switch holder := (backends.Holder{Bottle: slug}); {
		case tag == "latest":
			alias = &holder
		case tag == "base":
			holders = append(holders, holder)
		default:
			holders = append(holders, backends.Holder{})
		}
	}
	switch {
	case alias != nil && !snapshot: // with a snapshot it goes with that, see RemoveArtifact
		holders = append(holders, *alias)
	case len(holders) == 0 && !isParent:
		holders = []backends.Holder{{}}
	}
	return holders
}
