package docker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Survey lists containers and images by our labels, and images by our names:
// one that has lost its labels would be overlooked.
func (b *Backend) Survey(ctx context.Context) (backends.Holdings, error) {
	var held backends.Holdings
	containers, err := b.containers(ctx, backends.ContainerLabel)
	if err != nil {
		return held, err
	}
	for _, ctr := range containers {
		b.surveyContainer(ctr, &held)
	}
	if held.Temporary, err = b.temporary(ctx); err != nil {
		return held, err
	}
	images, err := b.ourImages(ctx)
	if err != nil {
		return held, err
	}
	held.AddImages(images, backends.ImageCommands{
		Rename: func(from, to string) string { return b.command("tag", from, to) },
		Remove: func(name string) string { return b.command("image", "rm", name) },
	})
	return held, nil
}

// command is a command of the Docker CLI for this engine, ready to paste.
func (b *Backend) command(args ...string) string {
	return shellescape.QuoteCommand(slices.Concat(b.engine.Command, args))
}

func (b *Backend) containers(ctx context.Context, label string) ([]container.Summary, error) {
	list, err := b.api.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("label", label),
	})
	slices.SortFunc(list.Items, func(a, b container.Summary) int { return cmp.Compare(containerName(a), containerName(b)) })
	return list.Items, engineError(err)
}

// containerName is the container's own name; links give it more.
func containerName(ctr container.Summary) string {
	for _, name := range ctr.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ctr.ID
}

func (b *Backend) surveyContainer(ctr container.Summary, held *backends.Holdings) {
	label, name := ctr.Labels[backends.ContainerLabel], containerName(ctr)
	slug, err := bottlestate.ParseSlug(label)
	doubtful := backends.Doubtful{Slug: slug, Name: name}
	switch {
	case label == "": // made by hand from a snapshot
	case err != nil:
		doubtful.Reason = fmt.Sprintf("has a label that says it is bottle %q", label)
		held.Doubtful = append(held.Doubtful, doubtful)
	case name != backends.Name(slug):
		doubtful.Reason = fmt.Sprintf("says that it is bottle %s, and is not called %s", slug, backends.Name(slug))
		held.Doubtful = append(held.Doubtful, doubtful)
	default:
		bottle := backends.HeldBottle{Slug: slug, State: state(ctr.State), Paused: ctr.State == container.StatePaused, From: ctr.ImageID}
		if _, _, ok := backends.ParseRef(ctr.Image); ok {
			bottle.From = ctr.Image
		}
		held.Bottles = append(held.Bottles, bottle)
	}
}

// temporary lists the containers and images that a run has made for itself. A
// label may come from the image, and the container be a person's own; so is an
// image that has a name.
func (b *Backend) temporary(ctx context.Context) (all []backends.HeldTemporary, err error) {
	containers, err := b.containers(ctx, backends.TemporaryLabel)
	if err != nil {
		return nil, err
	}
	for _, ctr := range containers {
		slug, err := bottlestate.ParseSlug(ctr.Labels[backends.TemporaryLabel])
		if err != nil || ctr.Labels[backends.ContainerLabel] != "" {
			continue
		}
		if inherited, err := b.imageHas(ctx, ctr.ImageID, backends.TemporaryLabel); err != nil {
			return nil, err
		} else if !inherited {
			all = append(all, backends.HeldTemporary{Slug: slug, Name: containerName(ctr)})
		}
	}
	images, err := b.api.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", backends.TemporaryLabel)})
	if err != nil {
		return nil, engineError(err)
	}
	for _, img := range images.Items {
		slug, err := bottlestate.ParseSlug(img.Labels[backends.TemporaryLabel])
		if err == nil && len(ownNames(img)) == 0 {
			all = append(all, backends.HeldTemporary{Slug: slug, Name: img.ID})
		}
	}
	return all, nil
}

// ownNames are the names of an image, without what stands for none.
func ownNames(img image.Summary) []string {
	names := slices.DeleteFunc(slices.Clone(img.RepoTags), func(name string) bool { return name == "<none>:<none>" })
	slices.Sort(names)
	return names
}

func (b *Backend) imageHas(ctx context.Context, id, label string) (bool, error) {
	img, err := b.api.ImageInspect(ctx, id)
	if isNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, engineError(err)
	}
	return img.Config != nil && img.Config.Labels[label] != "", nil
}

// ourImages are those with a label of a snapshot or a name of ours. Listed by
// name, an image has only those of its names that were asked for.
func (b *Backend) ourImages(ctx context.Context) ([]backends.NamedImage, error) {
	byID := map[string]image.Summary{}
	for _, filter := range [][2]string{{"reference", "docker-bottle/*"}, {"label", backends.SnapshotLabel}} {
		list, err := b.api.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add(filter[0], filter[1])})
		if err != nil {
			return nil, engineError(err)
		}
		for _, img := range list.Items {
			byID[img.ID] = img
		}
	}
	var images []backends.NamedImage
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		images = append(images, backends.NamedImage{Names: ownNames(byID[id]), Digest: id, Labels: byID[id].Labels})
	}
	return images, nil
}

// RecallBottle returns what the container was created with, and the command of
// the image, with how to go on with it.
func (b *Backend) RecallBottle(ctx context.Context, slug bottlestate.Slug, snap *bottlestate.Snapshot) (bottle bottlestate.Bottle, unknown []string, err error) {
	bottle = bottlestate.Bottle{Slug: slug, Backend: Name}
	bottle.Context, bottle.Endpoint = b.Endpoint()
	ref := ""
	if snap != nil {
		ref, bottle.Created = snap.Reference, snap.Created
	}
	ctr, err := b.inspect(ctx, bottle)
	switch {
	case err == nil:
		if ref == "" {
			ref = ctr.Image
		}
		if err := recall(&bottle, ctr); err != nil {
			return bottle, nil, err
		}
	case !isNotFound(err) || snap == nil:
		return bottle, nil, err
	default:
		unknown = backends.ContainerOptions()
	}
	img, err := b.image(ctx, ref)
	if isNotFound(err) && snap == nil {
		return bottle, unknown, nil // removed by force, under the container
	}
	bottle.Entrypoint, bottle.Command, bottle.Continue = img.Entrypoint, img.Command, img.Labels[backends.ContinueLabel]
	return bottle, unknown, err
}

// recall undoes Create.
func recall(bottle *bottlestate.Bottle, ctr container.InspectResponse) (err error) {
	bottle.Created, err = time.Parse(time.RFC3339Nano, ctr.Created)
	host := ctr.HostConfig
	bottle.Volumes = host.Binds
	for _, path := range slices.Sorted(maps.Keys(host.Tmpfs)) {
		if options := host.Tmpfs[path]; options != "" {
			path += ":" + options
		}
		bottle.Tmpfs = append(bottle.Tmpfs, path)
	}
	if mode := string(host.NetworkMode); mode != "default" && mode != "bridge" { // what the engine calls no choice
		bottle.Network = mode
	}
	bottle.Ports = portSpecs(host.PortBindings)
	bottle.NanoCPUs, bottle.Memory = host.NanoCPUs, host.Memory
	return err
}

// RecallSnapshot returns the snapshot as the engine describes its image.
func (b *Backend) RecallSnapshot(ctx context.Context, held backends.HeldSnapshot) (bottlestate.Snapshot, error) {
	img, err := b.api.ImageInspect(ctx, held.Reference)
	if err != nil {
		return bottlestate.Snapshot{}, engineError(err)
	}
	created, err := time.Parse(time.RFC3339Nano, img.Created)
	if err != nil {
		return bottlestate.Snapshot{}, fmt.Errorf("image %s: %w", held.Reference, err)
	}
	return bottlestate.Snapshot{
		Number:       held.Number,
		Reference:    held.Reference,
		Digest:       img.ID,
		Backend:      Name,
		Parent:       held.Parent,
		Message:      held.Message,
		Compacted:    held.Compacted,
		Created:      created,
		Size:         img.Size,
		Architecture: img.Architecture,
	}, nil
}

// RemoveTemporary removes the container or image, if it is temporary still.
func (b *Backend) RemoveTemporary(ctx context.Context, held backends.HeldTemporary) error {
	now, err := b.temporary(ctx)
	if err != nil || !slices.Contains(now, held) {
		return err
	}
	if strings.HasPrefix(held.Name, "sha256:") {
		return b.removeImage(ctx, held.Name)
	}
	_, err = b.api.ContainerRemove(ctx, held.Name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if isNotFound(err) {
		return nil
	}
	return engineError(err)
}
