//go:build linux

package containertest

import "fmt"

// each does something with every container that is named, or with all that
// run. Failures do not keep it from going on.
func (c *call) each(wrong string, do func(*container) error) error {
	ids := c.args
	if len(ids) == 0 && !c.has("all") {
		return failed("invalidArgument", "no containers specified and --all not supplied")
	}
	if len(ids) > 0 && c.has("all") {
		return failed("invalidArgument", "explicitly supplied container IDs conflict with the --all flag")
	}
	if c.has("all") {
		all, err := c.containers()
		if err != nil {
			return err
		}
		for _, ctr := range all {
			if ctr.running() || c.command.path == "delete" {
				ids = append(ids, ctr.id())
			}
		}
	}
	var errs aggregate
	for _, id := range ids {
		if err := c.one(id, do); err != nil {
			errs = append(errs, failed("internalError", "%s", wrong).because(err))
			continue
		}
		fmt.Println(id)
	}
	return errs.orNil()
}

func (c *call) one(id string, do func(*container) error) error {
	leave, err := c.service() // waits as long as the service is busy
	if err != nil {
		return err
	}
	ctr, err := c.container(id)
	leave()
	if err != nil {
		return err
	}
	if ctr == nil || !ctr.exists() {
		return notFound(id)
	}
	return do(ctr)
}
