package docker

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"sync"

	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
)

// layers is what the images on an engine are made of.
//
// The engine tells the layers of one image at a time, which takes seconds for
// thousands. But an image that was committed has one layer more than its
// parent, and the list tells parents and sizes: only images without a parent
// are asked for, and, as another image may have been built upon a committed
// one without being its child, those that such an image can share a layer with.
type layers struct {
	sizes   map[string]int64
	images  map[string]image.Summary
	chains  map[string][]string // of the images that were asked for
	parents map[string]bool
	known   map[string][]string // what of has found
}

func (b *Backend) layers(ctx context.Context, all []image.Summary) (*layers, error) {
	l := &layers{
		sizes:   map[string]int64{},
		images:  map[string]image.Summary{},
		chains:  map[string][]string{},
		parents: map[string]bool{},
		known:   map[string][]string{},
	}
	for _, img := range all {
		l.images[img.ID] = img
	}
	children := map[string][]string{}
	var roots []string
	for _, img := range all {
		l.parents[img.ParentID] = true
		if l.isChild(img) {
			children[img.ParentID] = append(children[img.ParentID], img.ID)
		} else {
			roots = append(roots, img.ID)
		}
	}
	if err := b.chains(ctx, roots, l.chains); err != nil {
		return nil, err
	}
	if err := b.meet(ctx, l, roots, children); err != nil {
		return nil, err
	}
	return l, b.measure(ctx, l, roots)
}

// isChild reports whether the image is its parent and a layer. One that is
// smaller was made in another way.
func (l *layers) isChild(img image.Summary) bool {
	parent, ok := l.images[img.ParentID]
	return ok && img.Size >= parent.Size
}

// meet asks for the children of every image whose layers another one has as
// its first ones, as one of them may have the next layer too.
func (b *Backend) meet(ctx context.Context, l *layers, roots []string, children map[string][]string) error {
	ends := map[string][]string{} // the images that end with a layer
	note := func(ids []string) {
		for _, id := range ids {
			if chain := l.chains[id]; len(chain) > 0 {
				end := chain[len(chain)-1]
				ends[end] = append(ends[end], id)
			}
		}
	}
	note(roots)
	for _, root := range roots {
		chain := l.chains[root]
		for i := range len(chain) - 1 {
			var ask []string
			for _, id := range ends[chain[i]] {
				for _, child := range children[id] {
					if _, ok := l.chains[child]; !ok {
						ask = append(ask, child)
					}
				}
			}
			if err := b.chains(ctx, ask, l.chains); err != nil {
				return err
			}
			note(ask)
		}
	}
	return nil
}

// chains asks for the layers of images, each named by all that is below it
// too. An image that is gone by now has none.
func (b *Backend) chains(ctx context.Context, ids []string, into map[string][]string) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		next  = make(chan string)
	)
	for range min(8, len(ids)) {
		wg.Go(func() {
			for id := range next {
				img, err := b.api.ImageInspect(ctx, id)
				mu.Lock()
				switch {
				case err == nil:
					into[id] = chainIDs(img.RootFS.Layers)
				case !isNotFound(err) && first == nil:
					first = engineError(err)
				default:
					into[id] = nil
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	wg.Wait()
	return first
}

func chainIDs(diffIDs []string) []string {
	digests := make([]digest.Digest, len(diffIDs))
	for i, id := range diffIDs {
		digests[i] = digest.Digest(id)
	}
	chain := make([]string, len(diffIDs))
	for i, id := range identity.ChainIDs(digests) {
		chain[i] = id.String()
	}
	return chain
}

// measure finds the sizes of the layers of the roots, from the sizes of the
// images that end with them, and from the history where no image does.
func (b *Backend) measure(ctx context.Context, l *layers, roots []string) error {
	slices.SortStableFunc(roots, func(a, b string) int { return cmp.Compare(len(l.chains[a]), len(l.chains[b])) })
	total := map[string]int64{} // up to and with a layer
	for _, id := range roots {
		chain := l.chains[id]
		have := len(chain)
		for have > 0 {
			if _, ok := total[chain[have-1]]; ok {
				break
			}
			have--
		}
		var below int64
		if have > 0 {
			below = total[chain[have-1]]
		}
		above := []int64{l.images[id].Size - below}
		if len(chain)-have > 1 {
			var err error
			if above, err = b.split(ctx, id, len(chain), have, above[0]); err != nil {
				return err
			}
		}
		for i, key := range chain[have:] {
			l.sizes[key] = max(above[i], 0)
			below += above[i]
			total[key] = below
		}
	}
	return nil
}

// nothing matches the steps of a build that make no layer.
var nothing = regexp.MustCompile(`^(/bin/sh -c #\(nop\)\s+)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b`)

// split divides the size of an image's layers from the one numbered have on.
// The history does not say which of its steps are layers. Where that cannot be
// told, all is said to be in the lowest: that is freed only when all above it
// are, so what is told to be freed is never more than is.
func (b *Backend) split(ctx context.Context, id string, layers, have int, size int64) ([]int64, error) {
	history, err := b.api.ImageHistory(ctx, id)
	if err != nil && !isNotFound(err) {
		return nil, engineError(err)
	}
	var steps []int64
	for _, step := range slices.Backward(history.Items) {
		if step.Size > 0 || !nothing.MatchString(step.CreatedBy) {
			steps = append(steps, step.Size)
		}
	}
	if len(steps) == layers {
		return steps[have:], nil
	}
	sizes := make([]int64, layers-have)
	sizes[0] = size
	return sizes, nil
}

// of returns the keys of an image's layers; the layer of a child that was not
// asked for is in no other image that was made without it, and goes by the
// image's name. An image that is gone has none.
func (l *layers) of(id string) []string {
	if keys, ok := l.known[id]; ok {
		return keys
	}
	img, ok := l.images[id]
	if !ok {
		return nil
	}
	if !l.isChild(img) {
		l.known[id] = l.chains[id]
		return l.chains[id]
	}
	key := "image " + id
	if chain := l.chains[id]; len(chain) > 0 {
		key = chain[len(chain)-1]
	}
	keys := slices.Clone(l.of(img.ParentID))
	if !slices.Contains(keys, key) {
		keys = append(keys, key)
		if _, ok := l.sizes[key]; !ok {
			l.sizes[key] = img.Size - l.images[img.ParentID].Size
		}
	}
	l.known[id] = keys
	return keys
}
