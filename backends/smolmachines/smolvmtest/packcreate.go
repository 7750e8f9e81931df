//go:build linux

package smolvmtest

import (
	"cmp"
	"fmt"
	"strings"
)

func packCreateCommand() *command {
	return &command{
		path:  "pack create",
		about: "Pack an image or a machine into an executable",
		late:  true,
		run:   runPackCreate,
		options: `
-I --image <REF>
--from-vm <NAME>
-s --smolfile <PATH>
-o --output <PATH>
--rebase-from-image
--include-workspace 1.22.0
--dns <IP> 1.22.0
--cpus <N>
--mem <MiB>
--oci-platform <OS/ARCH>
--entrypoint <CMD>
--no-sign
--single-file
--gpu
--staging-dir <DIR>
--proxy <URL>
--no-proxy <LIST>
--stub <PATH> hidden
--lib-dir <DIR> hidden
--rootfs-dir <DIR> hidden`,
	}
}

func runPackCreate(c *call) error {
	if err := c.conflict("image", "from-vm"); err != nil {
		return err
	}
	if !c.has("output") {
		return c.missing("--output <PATH>")
	}
	if c.has("rebase-from-image") && !c.has("from-vm") {
		return c.missing("--from-vm <NAME>")
	}
	size := &machine{CPUs: defaultCPUs, Memory: defaultMemory}
	if err := c.sizes(size); err != nil {
		return err
	}
	for _, flag := range []string{"image", "smolfile", "rebase-from-image", "include-workspace", "dns", "oci-platform", "entrypoint", "gpu", "stub", "lib-dir", "rootfs-dir"} {
		if c.has(flag) {
			return unfaked("pack create --" + flag)
		}
	}
	if !c.has("from-vm") {
		return unfaked("pack create without --from-vm")
	}
	out := c.value("output")
	if bare, ok := strings.CutSuffix(out, sidecarSuffix); ok {
		return configError("pack create", "--output names the executable stub, not the .smolmachine sidecar (which is created automatically as '<output>.smolmachine'). Use --output %s instead.", bare)
	}
	m, err := c.packable()
	if err != nil {
		return err
	}
	p := &packing{call: c, machine: m, out: out, manifest: m.manifest(size)}
	return p.run()
}

const sidecarSuffix = ".smolmachine"

// packable finds the machine and what is against packing it. One that is
// unreachable is not running, and nothing keeps one from being started later.
func (c *call) packable() (*machine, error) {
	const op = "pack from VM"
	name := c.value("from-vm")
	m, err := c.machine(name)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, agentError(op, "VM '%s' not found", name)
	case m.state() == "running":
		return nil, agentError(op, "VM '%s' is running. Stop it first with: smolvm machine stop --name %s", name, name)
	}
	fmt.Printf("Packing VM '%s' snapshot...\nCollecting runtime libraries...\nCollecting agent rootfs...\nCreating storage template...\n", name)
	if local(m.Image) && m.From == "" && !c.version.atLeast(1, 12, 0) {
		return nil, agentError(op, "VM '%s' was created from a local image (%s). `pack create --from-vm` can only snapshot VMs created from a REGISTRY image — local archives and rootfs directories are flattened on boot and have no registry manifest to re-pull. Recreate the machine from a registry reference to pack it.", name, m.Image)
	}
	if !m.started() {
		return nil, agentError(op, "machine '%s' has no storage disk yet (%s) — it has never been started. Start it once before packing.", name, m.file("storage.raw"))
	}
	return m, c.bootable()
}

// manifest is what the artifact will say. It has neither the machine's size,
// which is that of the options, nor its mounts, ports, labels and allow-list.
func (m *machine) manifest(size *machine) manifest {
	platform := "linux/" + m.settings.arch
	packed := manifest{
		Mode: "container", Image: m.Image, Digest: "none", Platform: platform, HostPlatform: platform,
		Entrypoint: m.Entrypoint, Cmd: m.Cmd, Env: last(append(m.packedEnv(), m.Env...)), SecretRefs: m.Secrets,
		Workdir: m.Workdir, CPUs: size.CPUs, Mem: size.Memory, Network: m.Network,
		Created: created(), SmolvmVersion: m.settings.version.String(),
	}
	if m.settings.version.atLeast(1, 14, 3) {
		packed.User = cmp.Or(m.User, m.Config.User)
	} else if len(packed.Entrypoint) == 0 {
		packed.Entrypoint = []string{"/bin/sh"} // in front of the command
	}
	return packed
}

// packedEnv is what a pack keeps of the image's variables: nothing of those of
// a local image, whose config it does not ask for.
func (m *machine) packedEnv() []string {
	if strings.HasPrefix(m.Image, "local:") && m.From == "" {
		return nil
	}
	return texts(m.Config.Env)
}
