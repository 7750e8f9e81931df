//go:build linux

package smolvmtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

func packRunCommand() *command {
	return &command{
		path:    "pack run",
		about:   "Run a packed machine",
		command: "[COMMAND...]",
		late:    true,
		run:     runPackRun,
		options: `
--sidecar <PATH>
-i --interactive
-t --tty
--timeout <DURATION>
-w --workdir <DIR>
-e --env <KEY=VALUE> ...
-v --volume <HOST:GUEST[:MODE]> ...
-p --port <HOST:GUEST> ...
--net
--net-backend <BACKEND>
--cpus <N>
--mem <MiB>
--storage <GiB>
--overlay <GiB>
--force-extract
--info
--debug
--cuda
--auto-graph`,
	}
}

// runPackRun shows what an artifact is, without a machine.
func runPackRun(c *call) error {
	if !c.has("info") {
		if err := c.bootable(); err != nil {
			return err
		}
		return unfaked("pack run without --info")
	}
	if !c.has("sidecar") {
		return unfaked("pack run without --sidecar")
	}
	path := c.value("sidecar")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return agentError("read sidecar", "I/O error: No such file or directory (os error 2)")
	}
	a, err := openArtifact(path)
	if err != nil {
		return agentError("read sidecar", "%s", err)
	}
	if cause, ok := c.told(); ok {
		return agentError("verify sidecar", "%s", cause)
	}
	if err := a.verify(); err != nil {
		return err
	}
	a.show()
	return nil
}

func (a *artifact) show() {
	m := a.manifest
	fmt.Printf("Mode:       %s\nImage:      %s\nDigest:     %s\nPlatform:   %s\nCPUs:       %d\nMemory:     %d MiB\n", m.Mode, m.Image, m.Digest, m.Platform, m.CPUs, m.Mem)
	if m.Network {
		fmt.Println("Network:    enabled")
	}
	if len(m.Entrypoint) > 0 {
		fmt.Printf("Entrypoint: %s\n", strings.Join(m.Entrypoint, " "))
	}
	if len(m.Cmd) > 0 {
		fmt.Printf("Cmd:        %s\n", strings.Join(m.Cmd, " "))
	}
	if m.Workdir != "" {
		fmt.Printf("Workdir:    %s\n", m.Workdir)
	}
	if len(m.Env) > 0 {
		fmt.Printf("Env:\n  %s\n", strings.Join(m.Env, "\n  "))
	}
	fmt.Printf("Checksum:   %08x\n", a.footer.Checksum)
}
