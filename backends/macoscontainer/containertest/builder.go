//go:build linux

package containertest

import (
	"fmt"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// builderRuntime marks the builder's container, in which nothing runs.
const builderRuntime = "containertest-builder"

func builderStatusCommand() *command {
	return &command{
		path:    "builder status",
		about:   "Display the builder container status",
		options: "--format <format>\n-q --quiet",
		run:     runBuilderStatus,
	}
}

func runBuilderStatus(c *call) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	ctr, err := c.container("buildkit")
	if err != nil {
		return err
	}
	up := ctr != nil && ctr.running()
	switch {
	case format == "json" && up:
		return c.print([]any{ctr.view(c.cli)}, false)
	case format == "json":
		fmt.Println("[]")
	case up && c.has("quiet"):
		fmt.Println(ctr.id())
	case up:
		return table([]*container{ctr})
	case !c.has("quiet"):
		fmt.Println("builder is not running")
	}
	return nil
}

// ensureBuilder starts the builder, which list shows from then on.
func (c *call) ensureBuilder() error {
	leave, err := c.service()
	if err != nil {
		return err
	}
	defer leave()
	ctr, err := c.container("buildkit")
	if err != nil {
		return err
	}
	if ctr == nil || !ctr.exists() {
		ctr = &container{dir: c.path("containers", "buildkit")}
		ctr.Configuration = configuration{
			ID:             "buildkit",
			Image:          imageName{Reference: "ghcr.io/apple/container-builder-shim/builder:0.13.1"},
			InitProcess:    process{Executable: "/usr/local/bin/container-builder-shim", Arguments: []string{"--debug"}, Environment: []string{}, WorkingDirectory: "/", User: user{ID: &userID{}}, SupplementalGroups: []int{}, Rlimits: []rlimit{}},
			Labels:         map[string]string{"com.apple.container.plugin": "builder", "com.apple.container.resource.role": "builder"},
			CreationDate:   time.Now().UTC().Truncate(time.Second),
			Platform:       platform{OS: "linux", Architecture: "arm64"},
			Resources:      resources{CPUs: 2, MemoryInBytes: 2 << 30, CPUOverhead: 1},
			Mounts:         []mount{mountOf("tmpfs", "tmpfs", "/run")},
			Networks:       []network{{"default", networkOptions{Hostname: "buildkit", MTU: 1280}}},
			PublishedPorts: []port{}, PublishedSockets: []socket{}, Sysctls: map[string]string{}, CapAdd: []string{}, CapDrop: []string{},
			Rosetta:        true,
			RuntimeHandler: builderRuntime,
		}
		if err := ctr.save(); err != nil {
			return err
		}
	}
	return ctr.pretend()
}

// pretend makes the builder look as if it ran.
func (ctr *container) pretend() error {
	return fakevm.WriteJSON(ctr.file("boot.json"), boot{Running: true, Started: time.Now().UTC(), Address: "192.168.64.2"})
}
