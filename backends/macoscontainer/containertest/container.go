//go:build linux

package containertest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// container is one container that the service keeps.
type container struct {
	Configuration configuration `json:"configuration"`
	// AutoRemove is --rm, which the tool shows nowhere.
	AutoRemove bool `json:"autoRemove,omitempty"`
	// Manifest is what the root will be unpacked from at the first start.
	Manifest string `json:"manifest"`

	dir string
}

// boot is the current or the last run of a container.
type boot struct {
	fakevm.Process           // the virtual machine; 0 for the builder
	Running        bool      `json:"running"`
	Started        time.Time `json:"started"`
	Address        string    `json:"address"`
}

var validID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func (s settings) checkID(id string) error {
	if !validID.MatchString(id) || s.cli.atLeast(1, 2, 0) && len(id) > 63 {
		return failed("invalidArgument", "container ID %s is not a valid container ID", id)
	}
	return nil
}

// container reads one container; it is nil if there is none.
func (s settings) container(id string) (*container, error) {
	c := &container{dir: s.path("containers", id)}
	if !validID.MatchString(id) {
		return nil, nil
	}
	err := fakevm.ReadJSON(filepath.Join(c.dir, "config.json"), c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c, c.reap(s)
}

// containers reads all of them.
func (s settings) containers() ([]*container, error) {
	entries, err := os.ReadDir(s.path("containers"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []*container
	for _, entry := range entries {
		c, err := s.container(entry.Name())
		if err != nil {
			return nil, err
		}
		if c != nil && c.exists() {
			all = append(all, c)
		}
	}
	return all, nil
}

func notFound(id string) *failure { return failed("notFound", "container with ID %s not found", id) }

func (c *container) id() string { return c.Configuration.ID }

func (c *container) rootfs() string { return filepath.Join(c.dir, "rootfs") }

func (c *container) exists() bool {
	_, err := os.Stat(filepath.Join(c.dir, "config.json"))
	return err == nil
}

func (c *container) unpacked() bool {
	_, err := os.Stat(c.rootfs())
	return err == nil
}

// lastBoot returns how the container was started last; the zero value if it
// never was.
func (c *container) lastBoot() boot {
	var b boot
	_ = fakevm.ReadJSON(filepath.Join(c.dir, "boot.json"), &b) // none: never started
	return b
}

// mounted returns since when the disk is mounted, or was until it was cut off;
// the zero value if it was unmounted in good order. What was written since is
// in the disk's journal alone, until the next mount.
func (c *container) mounted() time.Time {
	var since time.Time
	_ = fakevm.ReadJSON(c.file("mounted.json"), &since) // none: it is not
	return since
}

func (c *container) mount(since time.Time) error {
	return fakevm.WriteJSON(c.file("mounted.json"), since)
}

func (c *container) unmounted() error {
	if err := os.Remove(c.file("mounted.json")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (c *container) running() bool {
	b := c.lastBoot()
	return b.Running && (b.Pid == 0 || b.Alive())
}

// reap removes a container with --rm that has ended while nobody looked.
func (c *container) reap(s settings) error {
	if !c.AutoRemove || !c.lastBoot().Running || c.running() {
		return nil
	}
	return fakevm.Remove(c.dir)
}

func (c *container) save() error { return fakevm.WriteJSON(filepath.Join(c.dir, "config.json"), c) }

// address invents an address that no container had before.
func (s settings) address() (string, error) {
	var n int
	if err := fakevm.ReadJSON(s.path("address.json"), &n); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	n++
	return "192.168.64." + strconv.Itoa(2+n%250), fakevm.WriteJSON(s.path("address.json"), n)
}
