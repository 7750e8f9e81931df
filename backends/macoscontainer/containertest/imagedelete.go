//go:build linux

package containertest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

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
