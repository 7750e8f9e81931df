//go:build linux

package containertest

import "strings"

func inspectCommand() *command {
	return &command{
		path:  "inspect",
		about: "Display information about one or more containers",
		args:  "<container-ids>...",
		run:   runInspect,
	}
}

func runInspect(c *call) error {
	leave, err := c.query()
	if err != nil {
		return err
	}
	defer leave()
	views := []any{}
	var missing []string
	for _, id := range c.args {
		ctr, err := c.container(id)
		if err != nil {
			return err
		}
		if ctr == nil || !ctr.exists() {
			missing = append(missing, id)
			continue
		}
		views = append(views, ctr.view(c.cli))
	}
	// Before 1.0.0 an unknown container was no error.
	if len(missing) > 0 && c.cli.atLeast(1, 0, 0) {
		return failed("notFound", "container not found: %s", strings.Join(missing, ", "))
	}
	return c.print(views, true)
}
