//go:build linux

package containertest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

var validVolume = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func (c *call) mounts(conf *configuration) error {
	conf.Mounts = []mount{}
	for _, spec := range c.flags["mount"] {
		m, err := c.parseMount(spec)
		if err != nil {
			return err
		}
		conf.Mounts = append(conf.Mounts, m)
	}
	for _, spec := range c.flags["volume"] {
		m, err := c.parseVolume(spec)
		if err != nil {
			return err
		}
		conf.Mounts = append(conf.Mounts, m)
	}
	for _, target := range c.flags["tmpfs"] {
		conf.Mounts = append(conf.Mounts, mountOf("tmpfs", "tmpfs", target))
	}
	return nil
}

func mountOf(kind, source, target string, options ...string) mount {
	return mount{map[string]any{kind: map[string]any{}}, source, target, append([]string{}, options...)}
}

func (c *call) parseMount(spec string) (mount, error) {
	kind, source, target := "virtiofs", "", ""
	var options, tmpfs []string
	for item := range strings.SplitSeq(spec, ",") {
		key, value, assigned := strings.Cut(item, "=")
		switch {
		case key == "type" && slices.Contains([]string{"bind", "virtiofs", "tmpfs", "volume"}, value):
			kind = value
		case key == "source" || key == "src":
			source = value
		case slices.Contains([]string{"target", "destination", "dst"}, key):
			target = value
		case (key == "readonly" || key == "ro") && !assigned:
			options = append(options, "ro")
		case key == "size":
			size, err := bytesOf(value)
			if err != nil {
				return mount{}, err
			}
			tmpfs = append(tmpfs, fmt.Sprintf("size=%d", size>>20<<20)) // of whole MiB
		case key == "mode" && value != "":
			tmpfs = append(tmpfs, item)
		default:
			return mount{}, failed("invalidArgument", "invalid mount directive %s", item)
		}
	}
	if target == "" {
		return mount{}, failed("invalidArgument", "invalid mount %s: no target", spec)
	}
	switch {
	case kind != "tmpfs" && len(tmpfs) > 0:
		return mount{}, failed("invalidArgument", "unsupported option %s for %s mount", strings.Split(tmpfs[0], "=")[0], kind)
	case kind == "tmpfs" && source != "":
		return mount{}, failed("invalidArgument", "cannot specify source for tmpfs mount")
	}
	switch kind {
	case "tmpfs":
		options = append(options, tmpfs...)
		rand.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
		return mountOf("tmpfs", "", target, options...), nil
	case "volume":
		return c.namedVolume(source, target, options)
	}
	source, err := filepath.Abs(source)
	if err != nil {
		return mount{}, err
	}
	info, err := os.Stat(source)
	if err != nil {
		return mount{}, failed("invalidArgument", "path '%s' does not exist", source)
	}
	if !info.IsDir() {
		return mount{}, failed("invalidArgument", "path '%s' is not a directory", source)
	}
	return mountOf("virtiofs", source, target, options...), nil
}

func (c *call) parseVolume(spec string) (mount, error) {
	parts := strings.Split(spec, ":")
	if len(parts) == 1 && filepath.IsAbs(spec) {
		return c.namedVolume("anon-"+uuid(), spec, nil)
	}
	if len(parts) < 2 || len(parts) > 3 || !filepath.IsAbs(parts[1]) {
		return mount{}, failed("invalidArgument", "invalid volume format %s", spec)
	}
	var options []string
	if len(parts) == 3 {
		if options = strings.Split(parts[2], ","); !slices.Equal(options, []string{"ro"}) {
			return mount{}, failed("invalidArgument", "invalid volume option %s", parts[2])
		}
	}
	source := parts[0]
	if !strings.Contains(source, "/") && source != "." && source != ".." {
		return c.namedVolume(source, parts[1], options)
	}
	source, err := filepath.Abs(source)
	if err != nil {
		return mount{}, err
	}
	if _, err := os.Stat(source); err != nil {
		return mount{}, failed("invalidArgument", "path '%s' does not exist", source)
	}
	return mountOf("virtiofs", source, parts[1], options...), nil
}

// namedVolume makes the volume if there is none.
func (c *call) namedVolume(name, target string, options []string) (mount, error) {
	if !validVolume.MatchString(name) {
		return mount{}, failed("invalidArgument", "invalid volume name '%s'", name)
	}
	dir := c.path("volumes", name)
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return mount{}, err
		}
		if !strings.HasPrefix(name, "anon-") {
			warn("Volume does not exist, creating it", "name", name)
		}
	}
	m := mountOf("volume", dir, target, options...)
	m.Type["volume"] = map[string]any{
		"name":   name,
		"format": "ext4",
		"cache":  map[string]any{"on": map[string]any{}},
		"sync":   map[string]any{"fsync": map[string]any{}},
	}
	return m, nil
}

// vmMounts is what the machine has to mount for the container.
func (c *container) vmMounts() ([]fakevm.Mount, error) {
	var all []fakevm.Mount
	for _, m := range c.Configuration.Mounts {
		v := fakevm.Mount{Type: "bind", Source: m.Source, Target: m.Destination, ReadOnly: slices.Contains(m.Options, "ro")}
		if _, ok := m.Type["tmpfs"]; ok {
			v = fakevm.Mount{Type: "tmpfs", Target: m.Destination}
		} else if _, err := os.Stat(m.Source); err != nil {
			return nil, failed("invalidState", "mount source path '%s' does not exist", m.Source)
		}
		all = append(all, v)
	}
	return all, nil
}
