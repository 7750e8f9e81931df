package macoscontainer

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Survey lists all containers and all images, with one call each: the tool has
// no filters, and tells as much of many as of one.
func (b *Backend) Survey(ctx context.Context) (backends.Holdings, error) {
	var held backends.Holdings
	var containers []container
	if err := b.ask(ctx, &containers, "list", "--all", "--format", "json"); err != nil {
		return held, err
	}
	slices.SortFunc(containers, func(a, b container) int { return cmp.Compare(a.ID, b.ID) })
	for _, ctr := range containers {
		surveyContainer(ctr, &held)
	}
	var all []image
	if err := b.ask(ctx, &all, "image", "list", "--format", "json"); err != nil {
		return held, err
	}
	var images []backends.NamedImage
	for _, img := range all {
		name := strings.TrimPrefix(img.Configuration.Name, "docker.io/")
		named := backends.NamedImage{Names: []string{name}}
		if v, ok := img.own(); ok {
			named.Digest, named.Labels = v.Digest, v.Config.Config.Labels
		}
		images = append(images, named)
	}
	held.AddImages(images, backends.ImageCommands{
		Rename: func(from, to string) string {
			return shellescape.QuoteCommand([]string{program, "image", "tag", from, to})
		},
		Remove: func(name string) string {
			return shellescape.QuoteCommand([]string{program, "image", "delete", name})
		},
	})
	return held, nil
}

func surveyContainer(ctr container, held *backends.Holdings) {
	label := ctr.Configuration.Labels[backends.ContainerLabel]
	slug, err := bottlestate.ParseSlug(label)
	doubtful := backends.Doubtful{Slug: slug, Name: ctr.ID}
	switch {
	case label == "":
	case err != nil:
		doubtful.Reason = fmt.Sprintf("has a label that says it is bottle %q", label)
		held.Doubtful = append(held.Doubtful, doubtful)
	case ctr.ID != backends.Name(slug):
		doubtful.Reason = fmt.Sprintf("says that it is bottle %s, and is not called %s", slug, backends.Name(slug))
		held.Doubtful = append(held.Doubtful, doubtful)
	default:
		held.Bottles = append(held.Bottles, backends.HeldBottle{
			Slug:  slug,
			State: ctr.state(),
			From:  strings.TrimPrefix(ctr.Configuration.Image.Reference, "docker.io/"),
		})
	}
}

// RecallBottle returns what the container was created with, and the command of
// the image, with how to go on with it.
func (b *Backend) RecallBottle(ctx context.Context, slug bottlestate.Slug, snap *bottlestate.Snapshot) (bottle bottlestate.Bottle, unknown []string, err error) {
	bottle = bottlestate.Bottle{Slug: slug, Backend: Name}
	ref := ""
	if snap != nil {
		ref, bottle.Created = snap.Reference, snap.Created
	}
	ctr, err := b.inspect(ctx, bottle)
	switch {
	case err == nil:
		if ref == "" {
			ref = ctr.Configuration.Image.Reference
		}
		recall(&bottle, ctr)
	case !isNotFound(err) || snap == nil:
		return bottle, nil, err
	default:
		unknown = backends.ContainerOptions()
	}
	img, err := b.image(ctx, ref)
	if isNotFound(err) && snap == nil {
		return bottle, unknown, nil // removed, which does not harm a container
	}
	bottle.Entrypoint, bottle.Command, bottle.Continue = img.Entrypoint, img.Command, img.Labels[backends.ContinueLabel]
	return bottle, unknown, err
}

// recall undoes Create. What was not asked for then, the tool has chosen, and
// that is asked for from now on.
func recall(bottle *bottlestate.Bottle, ctr container) {
	c := ctr.Configuration
	bottle.Created = c.CreationDate
	for _, m := range c.Mounts {
		switch mount := m.record(); mount.Type {
		case "tmpfs":
			bottle.Tmpfs = append(bottle.Tmpfs, tmpfsSpec(mount.Target, m.Options))
		default:
			volume := mount.Source + ":" + mount.Target
			if slices.Contains(m.Options, "ro") {
				volume += ":ro"
			}
			bottle.Volumes = append(bottle.Volumes, volume)
		}
	}
	if len(c.Networks) > 0 && c.Networks[0].Network != "default" {
		bottle.Network = c.Networks[0].Network
	}
	for _, p := range c.PublishedPorts {
		host, inside := ports(p.HostPort, p.Count), ports(p.ContainerPort, p.Count)
		spec := fmt.Sprintf("%s:%s/%s", host, inside, p.Proto)
		if p.HostAddress != "0.0.0.0" {
			spec = net.JoinHostPort(p.HostAddress, host) + ":" + inside + "/" + p.Proto
		}
		bottle.Ports = append(bottle.Ports, spec)
	}
	bottle.NanoCPUs, bottle.Memory = c.Resources.CPUs*1e9, c.Resources.MemoryInBytes
}

// ports is a range of that many.
func ports(first, count int) string {
	if count <= 1 {
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d-%d", first, first+count-1)
}

// RecallSnapshot returns the snapshot as the tool describes its image.
func (b *Backend) RecallSnapshot(ctx context.Context, held backends.HeldSnapshot) (bottlestate.Snapshot, error) {
	_, v, err := b.inspectImage(ctx, held.Reference)
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	return bottlestate.Snapshot{
		Number:       held.Number,
		Reference:    held.Reference,
		Digest:       v.Digest,
		Backend:      Name,
		Parent:       held.Parent,
		Message:      held.Message,
		Created:      v.Config.Created,
		Size:         v.Size,
		Architecture: v.Platform.Architecture,
	}, nil
}

// RemoveTemporary has nothing to remove: what a freeze makes for itself is files
// of this machine.
func (b *Backend) RemoveTemporary(_ context.Context, held backends.HeldTemporary) error {
	return fmt.Errorf("%s is not temporary", held.Name)
}
