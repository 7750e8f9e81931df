//go:build linux

package containertest

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

func createCommand() *command {
	return &command{
		path:       "create",
		about:      "Create a new container",
		options:    createOptions,
		args:       "<image> [<arguments>...]",
		passes:     true,
		configured: true,
		run:        runCreate,
	}
}

func runCreate(c *call) error {
	ctr, err := c.create("container already exists: %s")
	if err != nil {
		return err
	}
	fmt.Println(ctr.id())
	return nil
}

// create makes the container, which has no root before its first start.
func (c *call) create(duplicate string) (*container, error) {
	id := c.last("name")
	if id == "" {
		id = uuid()
	}
	if err := c.checkID(id); err != nil {
		return nil, err
	}
	img, v, p, err := c.resolveImage(c.args[0])
	if err != nil {
		return nil, err
	}
	ctr := &container{AutoRemove: c.has("rm"), Manifest: string(v.descriptor.Digest), dir: c.path("containers", id)}
	if ctr.Configuration, err = c.configure(id, img, v, p); err != nil {
		return nil, err
	}
	enter := c.service
	if c.command.path == "run" {
		enter = c.query // it asks for the name first
	}
	leave, err := enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if old, err := c.container(id); err != nil || old != nil && old.exists() {
		if err == nil {
			err = failed("exists", duplicate, id)
		}
		return nil, err
	}
	if err := c.free(id); err != nil {
		return nil, err
	}
	if file := c.last("cidfile"); file != "" {
		if err := os.WriteFile(file, []byte(id), 0o644); err != nil {
			return nil, err
		}
	}
	return ctr, ctr.save()
}

// free makes sure that no other container has the name as its host name.
func (c *call) free(id string) error {
	all, err := c.containers()
	if err != nil {
		return err
	}
	for _, other := range all {
		for _, n := range other.Configuration.Networks {
			if n.Options.Hostname == id {
				return failed("exists", "hostname(s) already exist: [%q]", id)
			}
		}
	}
	return nil
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func getOr(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// file is one of the container.s files.
func (c *container) file(name string) string { return filepath.Join(c.dir, name) }
