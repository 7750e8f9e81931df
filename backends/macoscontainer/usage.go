package macoscontainer

import (
	"context"

	"github.com/distribution/reference"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Usage asks for all images and all containers. A snapshot is one layer, which
// it shares with no other; of images with several the tool tells the whole
// size only, so two that are not the same are taken to share nothing. A
// container's disk is a copy of its own, whose size the tool does not tell.
func (b *Backend) Usage(ctx context.Context, snaps []bottlestate.Snapshot) (backends.Usage, error) {
	var images []image
	if err := b.ask(ctx, &images, "image", "list", "--format", "json"); err != nil {
		return backends.Usage{}, err
	}
	var containers []container
	if err := b.ask(ctx, &containers, "list", "--all", "--format", "json"); err != nil {
		return backends.Usage{}, err
	}
	byName := map[string]bottlestate.Snapshot{}
	for _, snap := range snaps {
		byName[fullName(snap.Reference)] = snap
	}
	u := backends.Usage{Parts: map[string]int64{}}
	snapshots := map[string]string{} // by the digest that containers know
	for _, img := range images {
		name := fullName(img.Configuration.Name)
		holder := backends.Holder{Bottle: builtFor(img.Configuration.Name), Parts: []string{img.ID}}
		snap, recorded := byName[name]
		u.Parts[img.ID] = 0
		for _, v := range img.Variants {
			u.Parts[img.ID] += v.Size
			if recorded && v.Digest == snap.Digest {
				holder.Snapshot = snap.Reference
				snapshots["sha256:"+img.ID] = snap.Reference
			}
		}
		u.Holders = append(u.Holders, holder)
	}
	for _, ctr := range containers {
		holder := backends.Holder{Uses: snapshots[ctr.Configuration.Image.Descriptor.Digest]}
		if slug := bottlestate.Slug(ctr.Configuration.Labels[backends.ContainerLabel]); ctr.ID == backends.Name(slug) {
			holder.Bottle = slug
		}
		u.Holders = append(u.Holders, holder)
	}
	return u, nil
}

// builtFor returns the bottle that the image of that name was built for.
func builtFor(name string) bottlestate.Slug {
	slug, tag, _ := backends.ParseRef(name)
	if tag != "base" {
		return ""
	}
	return slug
}

// fullName is the reference with its registry and tag.
func fullName(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.TagNameOnly(named).String()
}
