//go:build linux

package containertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func imageInspectCommand() *command {
	return &command{
		path:       "image inspect",
		about:      "Display information about one or more images",
		args:       "<images>...",
		configured: true,
		run:        runImageInspect,
	}
}

func runImageInspect(c *call) error {
	images, err := c.images()
	if err != nil {
		return err
	}
	var found []image
	var missing []string
	for _, ref := range c.args {
		i, ok, err := lookup(images, ref)
		if err != nil {
			return err
		}
		if ok {
			found = append(found, i)
		} else {
			missing = append(missing, ref)
		}
	}
	switch {
	case len(missing) == 0:
		return c.printImages(found, true)
	case c.cli.atLeast(1, 0, 0):
		return failed("notFound", "image not found: %s", strings.Join(missing, ", "))
	}
	// Before 1.0.0, what was found was printed.
	for _, ref := range missing {
		warn("image not found", "image", ref)
	}
	if len(found) > 0 {
		if err := c.printImages(found, true); err != nil {
			return err
		}
	}
	return silent{}
}

func (c *call) printImages(images []image, pretty bool) error {
	views := []any{}
	for _, i := range images {
		view, err := c.imageView(i, pretty)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	return c.print(views, pretty)
}

// imageView is an image as list and inspect show it.
func (c *call) imageView(i image, inspect bool) (map[string]any, error) {
	all, err := c.variants(i.Descriptor)
	if err != nil {
		return nil, err
	}
	views := []any{}
	var total int64
	for _, v := range all {
		config, err := configView(v.config)
		if err != nil {
			return nil, err
		}
		size := v.descriptor.Size + v.manifest.Config.Size
		for _, layer := range v.manifest.Layers {
			size += layer.Size
		}
		total += size
		view := map[string]any{"platform": v.platform, "size": size, "config": config}
		if c.cli.atLeast(1, 0, 0) {
			view["digest"] = v.descriptor.Digest
		}
		views = append(views, view)
	}
	switch {
	case c.cli.atLeast(1, 0, 0):
		configuration := map[string]any{"name": i.Reference, "creationDate": i.Created.UTC().Truncate(time.Second), "descriptor": i.Descriptor}
		return map[string]any{"id": i.Descriptor.Digest.Encoded(), "configuration": configuration, "variants": views}, nil
	case inspect:
		return map[string]any{"name": i.Reference, "index": i.Descriptor, "variants": views}, nil
	}
	return map[string]any{"reference": i.Reference, "fullSize": fmt.Sprintf("%d MB", total/1e6), "descriptor": i.Descriptor}, nil
}

// configView drops the keys of an image's config that the tool's decoder does
// not know.
func configView(config ocispec.Image) (map[string]any, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	var view map[string]any
	if err := json.Unmarshal(data, &view); err != nil {
		return nil, err
	}
	if inner, ok := view["config"].(map[string]any); ok {
		for key := range inner {
			if !slices.Contains([]string{"User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "StopSignal"}, key) {
				delete(inner, key)
			}
		}
	}
	for from, to := range map[string]string{"os.version": "osVersion", "os.features": "osFeatures"} {
		if value, ok := view[from]; ok {
			view[to] = value
			delete(view, from)
		}
	}
	return view, nil
}
