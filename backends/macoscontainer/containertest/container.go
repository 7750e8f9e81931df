//go:build linux

package containertest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
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
	Pid       int       `json:"pid"` // of the virtual machine; 0 for the builder
	StartTime string    `json:"startTime"`
	Running   bool      `json:"running"`
	Started   time.Time `json:"started"`
	Address   string    `json:"address"`
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
	err := readJSON(filepath.Join(c.dir, "config.json"), c)
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
	_ = readJSON(filepath.Join(c.dir, "boot.json"), &b) // none: never started
	return b
}

func (c *container) running() bool {
	b := c.lastBoot()
	return b.Running && (b.Pid == 0 || b.alive())
}

// alive reports whether the machine's process is there, and no other has its
// pid.
func (b boot) alive() bool {
	return b.StartTime != "" && startTime(b.Pid) == b.StartTime
}

// reap removes a container with --rm that has ended while nobody looked.
func (c *container) reap(s settings) error {
	if !c.AutoRemove || !c.lastBoot().Running || c.running() {
		return nil
	}
	return remove(c.dir)
}

func (c *container) save() error { return writeJSON(filepath.Join(c.dir, "config.json"), c) }

// startTime tells a process from a later one with the same pid. It is empty
// for a process that has ended, also if nobody has waited for it yet.
func startTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program may hold anything, so count from its end.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" || string(fields[0]) == "X" {
		return ""
	}
	return string(fields[19])
}

// address invents an address that no container had before.
func (s settings) address() (string, error) {
	var n int
	if err := readJSON(s.path("address.json"), &n); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	n++
	return "192.168.64." + strconv.Itoa(2+n%250), writeJSON(s.path("address.json"), n)
}

// remove removes a tree, also one with directories that their owner cannot
// write to.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
