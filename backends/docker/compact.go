package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// Whole reports whether the snapshot's image has one layer.
func (b *Backend) Whole(ctx context.Context, snap bottlestate.Snapshot) (bool, error) {
	img, err := b.api.ImageInspect(ctx, snap.Reference)
	if err != nil {
		return false, engineError(err)
	}
	return len(img.RootFS.Layers) <= 1, nil
}

// Compact makes an image of one layer from the snapshot's.
func (b *Backend) Compact(ctx context.Context, bottle bottlestate.Bottle, snap bottlestate.Snapshot, opts backends.FreezeOptions) (backends.Artifact, error) {
	ref := backends.SnapshotRef(bottle.Slug, opts.Number)
	if err := b.unused(ctx, ref); err != nil {
		return backends.Artifact{}, err
	}
	from, err := b.api.ImageInspect(ctx, snap.Reference)
	if err != nil {
		return backends.Artifact{}, engineError(err)
	}
	to, err := b.flat(ctx, from.InspectResponse, ref)
	if err != nil {
		return backends.Artifact{}, err
	}
	to.Created, to.Comment, to.CreatedBy = time.Now().UTC(), opts.Message, "docker bottle compact"
	labels := map[string]string{}
	maps.Copy(labels, to.Config.Labels)
	maps.Copy(labels, backends.SnapshotLabels(bottle, opts))
	labels[backends.CompactedLabel] = "true"
	to.Config.Labels = labels
	var art backends.Artifact
	if err = b.flatten(ctx, bottle.Slug, from.InspectResponse, to, opts.Warn); err == nil {
		art, err = b.artifact(ctx, ref)
	}
	if err != nil {
		return backends.Artifact{}, b.undoFlatten(ctx, ref, err)
	}
	art.NotCaptured = snap.NotCaptured
	b.tagLatest(ctx, bottle.Slug, ref)
	return art, nil
}

// undoFlatten removes what a flatten that did not end well has made.
func (b *Backend) undoFlatten(ctx context.Context, ref string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return errors.Join(cause, b.removeMade(ctx, ref))
}

// flat is all of an image but its tree, for one that is to have one layer.
func (b *Backend) flat(ctx context.Context, from image.InspectResponse, ref string) (ociarchive.Image, error) {
	history, err := b.api.ImageHistory(ctx, from.ID)
	if err != nil {
		return ociarchive.Image{}, engineError(err)
	}
	to := ociarchive.Image{
		Reference: ref,
		Platform:  ocispec.Platform{OS: from.Os, Architecture: from.Architecture, Variant: from.Variant, OSVersion: from.OsVersion},
		Author:    from.Author,
		Whole:     true,
		Drop:      madeByEngine,
		History:   steps(history.Items),
	}
	if from.Config != nil {
		to.Config = *from.Config
	}
	return to, nil
}

// maxSteps bounds a history that would otherwise grow with every commit, in
// a config that registries and stores take up to some megabytes.
const maxSteps = 1000

// steps is an image's history, oldest first, as the engine lists it the other
// way around.
func steps(items []image.HistoryResponseItem) []ocispec.History {
	var all []ocispec.History
	for i := min(len(items), maxSteps) - 1; i >= 0; i-- {
		created := time.Unix(items[i].Created, 0).UTC()
		all = append(all, ocispec.History{Created: &created, CreatedBy: items[i].CreatedBy, Comment: items[i].Comment})
	}
	return all
}

// flatten makes the image to with the tree of from as its one layer, and gives
// it its tag. The tree is streamed from the engine and back to it. On the way
// there are a container, which is never started, and an image, both with
// [backends.TemporaryLabel]; none is left in the end, also after an error. One
// that cannot be removed is only told: the next flatten removes it.
func (b *Backend) flatten(ctx context.Context, slug bottlestate.Slug, from image.InspectResponse, to ociarchive.Image, warn backends.Notify) error {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		defer cancel()
		if err := b.sweep(ctx, slug); err != nil {
			warn.Say("what was temporary may be left, with the label %s=%s: %v", backends.TemporaryLabel, slug, err)
		}
	}()
	if err := b.sweep(ctx, slug); err != nil { // of one that was killed
		return err
	}
	id, err := b.createTemporary(ctx, slug, from)
	if err != nil {
		return err
	}
	tree, err := b.api.ContainerExport(ctx, id, client.ContainerExportOptions{})
	if err != nil {
		return engineError(err)
	}
	defer tree.Close()
	exported := backends.Counted(ctx, backends.Progress{Step: "flattening to one layer"}, tree)
	classic, err := b.classicStore(ctx)
	if err != nil {
		return err
	}
	if !classic {
		return b.loadWhole(ctx, id, exported, to)
	}
	layer, err := b.importLayer(ctx, slug, exported, to)
	if err != nil {
		return err
	}
	archive, config, err := ociarchive.Config(to, layer)
	if err != nil {
		return err
	}
	if err := b.load(ctx, bytes.NewReader(archive)); err != nil {
		return err
	}
	img, err := b.api.ImageInspect(ctx, to.Reference)
	if err != nil {
		return engineError(err)
	}
	if img.ID != config.String() {
		return fmt.Errorf("image %s was loaded as %s, not as %s", to.Reference, img.ID, config)
	}
	return nil
}

// importLayer has the engine store the tree as a layer, straight from the
// stream, and returns its digest. The image that holds it is temporary.
func (b *Backend) importLayer(ctx context.Context, slug bottlestate.Slug, tree io.Reader, to ociarchive.Image) (digest.Digest, error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := ociarchive.Layer(ctx, w, tree, to)
		w.CloseWithError(err)
		done <- err
	}()
	id, err := b.importImage(ctx, r, []string{"LABEL " + backends.TemporaryLabel + "=" + string(slug)})
	r.Close()
	if treeErr := <-done; treeErr != nil && !errors.Is(treeErr, io.ErrClosedPipe) {
		err = treeErr // the cause of what the engine says, if it says anything
	}
	if err != nil {
		return "", err
	}
	img, err := b.api.ImageInspect(ctx, id)
	if err != nil {
		return "", engineError(err)
	}
	if n := len(img.RootFS.Layers); n != 1 {
		return "", fmt.Errorf("the imported tree has %d layers, not one", n)
	}
	return digest.Parse(img.RootFS.Layers[0])
}

func (b *Backend) importImage(ctx context.Context, tree io.Reader, changes []string) (id string, err error) {
	res, err := b.api.ImageImport(ctx, client.ImageImportSource{Source: tree, SourceName: "-"}, "", client.ImageImportOptions{Changes: changes})
	if err != nil {
		return "", engineError(err)
	}
	defer res.Close()
	err = messages(res, func(m jsonstream.Message) {
		if m.Status != "" {
			id = m.Status // the last one
		}
	})
	return id, err
}

func (b *Backend) load(ctx context.Context, archive io.Reader) error {
	res, err := b.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return engineError(err)
	}
	defer res.Close()
	return messages(res, func(jsonstream.Message) {})
}

// messages reads an engine's answer to its end: a failure is part of it.
func messages(r io.Reader, each func(jsonstream.Message)) error {
	dec := json.NewDecoder(r)
	for {
		var m jsonstream.Message
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != nil {
			return errors.New(m.Error.Message)
		}
		each(m)
	}
}

// classicStore reports whether the engine keeps images in its own store, not
// in containerd's.
func (b *Backend) classicStore(ctx context.Context) (bool, error) {
	res, err := b.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return false, engineError(err)
	}
	for _, status := range res.Info.DriverStatus {
		if status == [2]string{"driver-type", "io.containerd.snapshotter.v1"} {
			return false, nil
		}
	}
	return true, nil
}
