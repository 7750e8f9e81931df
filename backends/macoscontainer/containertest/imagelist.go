//go:build linux

package containertest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
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
