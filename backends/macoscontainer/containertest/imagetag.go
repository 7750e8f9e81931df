//go:build linux

package containertest

import "fmt"

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
