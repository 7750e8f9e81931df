//go:build linux

package containertest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func imageListCommand() *command {
	return &command{
		path:       "image list",
		aliases:    []string{"ls"},
		about:      "List images",
		options:    "--format <format>\n-q --quiet\n-v --verbose",
		configured: true,
		run:        runImageList,
	}
}

func runImageList(c *call) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	if c.has("quiet") && c.has("verbose") {
		return c.command.refuse("cannot use flag --quiet and --verbose together")
	}
	images, err := c.images()
	if err != nil {
		return err
	}
	slices.SortFunc(images, func(a, b image) int { return strings.Compare(a.Reference, b.Reference) })
	if format == "json" {
		return c.printImages(images, false)
	}
	if c.has("quiet") {
		for _, i := range images {
			fmt.Println(i.Reference)
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTAG\tDIGEST")
	for _, i := range images {
		name, tag := i.Reference, ""
		if r, err := parseReference(i.Reference); err == nil {
			tag, r.tag = r.tag, ""
			name = r.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%.12s\n", name, tag, i.Descriptor.Digest.Encoded())
	}
	return w.Flush()
}

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

func imageTagCommand() *command {
	return &command{
		path:       "image tag",
		about:      "Create a new reference for an existing image",
		args:       "<source> <target>",
		configured: true,
		run:        runImageTag,
	}
}

// runImageTag stores another name than it prints, and keeps the annotations,
// one of which may still be the old name.
func runImageTag(c *call) error {
	target, err := parseReference(c.args[1])
	if err != nil {
		return err
	}
	err = c.changeImages(func(images []image) ([]image, error) {
		i, ok, err := lookup(images, c.args[0])
		if err == nil && !ok {
			err = failed("notFound", "image not found: %s", c.args[0])
		}
		i.Reference = target.normalized().String()
		return put(images, i), err
	})
	if err == nil {
		fmt.Println(c.args[1])
	}
	return err
}

func imageDeleteCommand() *command {
	return &command{
		path:       "image delete",
		aliases:    []string{"rm"},
		about:      "Delete one or more images",
		options:    "-a --all\n-f --force",
		args:       "[<images>...]",
		configured: true,
		run:        runImageDelete,
	}
}

// runImageDelete does not care whether a container uses the image.
func runImageDelete(c *call) error {
	if (len(c.args) == 0) != c.has("all") {
		return c.command.refuse("no image specified and --all not supplied, or both")
	}
	var missing, deleted []string
	err := c.changeImages(func(images []image) ([]image, error) {
		refs := c.args
		for _, i := range images {
			if c.has("all") {
				refs = append(refs, i.Reference)
			}
		}
		for _, ref := range refs {
			gone, ok, err := lookup(images, ref)
			if err != nil {
				return nil, err
			}
			if !ok {
				missing = append(missing, ref)
				continue
			}
			images = slices.DeleteFunc(images, func(i image) bool { return i.Reference == gone.Reference })
			deleted = append(deleted, gone.Reference)
		}
		return images, c.collect(images)
	})
	if err != nil {
		return err
	}
	for _, ref := range deleted {
		fmt.Println(ref)
	}
	out := os.Stdout
	if c.cli.atLeast(1, 0, 0) {
		out = os.Stderr
	}
	fmt.Fprintln(out, "Reclaimed Zero KB in disk space")
	if len(missing) > 0 && !c.has("force") {
		text, err := json.Marshal(missing)
		if err != nil {
			return err
		}
		return failed("internalError", "failed to delete one or more images: %s", strings.ReplaceAll(string(text), `","`, `", "`))
	}
	return nil
}
