//go:build linux

package containertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func startCommand() *command {
	return &command{
		path:    "start",
		about:   "Start a container",
		options: "-a --attach\n-i --interactive",
		args:    "<container-id>",
		run:     runStart,
	}
}

func runStart(c *call) error {
	ctr, err := c.get(c.args[0])
	if err != nil {
		return err
	}
	attach := c.has("attach") || c.has("interactive")
	if ctr.running() {
		if attach {
			return failed("invalidArgument", "attach is currently unsupported on already running containers")
		}
		fmt.Println(ctr.id())
		return nil
	}
	if !attach {
		if err := c.boot(ctr, nil); err != nil {
			return err
		}
		fmt.Println(ctr.id())
		return nil
	}
	io, err := openStdio(c.has("interactive"), ctr.Configuration.InitProcess.Terminal)
	if err != nil {
		return err
	}
	return c.boot(ctr, io)
}

// get finds one container, as exec and start do.
func (c *call) get(id string) (*container, error) {
	leave, err := c.query()
	if err != nil {
		return nil, err
	}
	defer leave()
	ctr, err := c.container(id)
	if err == nil && (ctr == nil || !ctr.exists()) {
		err = failed("notFound", "get failed: container %s not found", id)
	}
	return ctr, err
}

// boot starts the container. Without io it returns once the program runs,
// with it when the program has ended, as an [exitStatus].
func (c *call) boot(ctr *container, io *stdio) error {
	if ctr.Configuration.RuntimeHandler == builderRuntime {
		return ctr.pretend()
	}
	w, err := c.bootstrap(ctr, io)
	if err != nil {
		if io != nil {
			io.close()
		}
		return err
	}
	if io == nil {
		return w.Close()
	}
	return c.converse(w, io)
}

// bootstrap has the service to itself until the program runs.
func (c *call) bootstrap(ctr *container, io *stdio) (fakevm.Wire, error) {
	leave, err := c.service()
	if err != nil {
		return fakevm.Wire{}, err
	}
	defer leave()
	mounts, err := ctr.vmMounts()
	if err != nil {
		return fakevm.Wire{}, err
	}
	if !ctr.unpacked() {
		if err := c.unpackRoot(ctr); err != nil {
			return fakevm.Wire{}, err
		}
	}
	b := boot{Running: true, Started: time.Now().UTC()}
	if len(ctr.Configuration.Networks) > 0 {
		if b.Address, err = c.address(); err != nil {
			return fakevm.Wire{}, err
		}
	}
	if err := ctr.writeNames(b.Address); err != nil {
		return fakevm.Wire{}, err
	}
	before, since := ctr.lastBoot(), ctr.mounted()
	w, err := ctr.launch(b, mounts, io)
	if err != nil {
		before.Running = false
		_ = fakevm.WriteJSON(ctr.file("boot.json"), before) // the error that counts is the launch's
		_ = ctr.mount(since)
	}
	return w, err
}

func (ctr *container) launch(b boot, mounts []fakevm.Mount, io *stdio) (fakevm.Wire, error) {
	w, cmd, err := tool.Start()
	if err != nil {
		return fakevm.Wire{}, err
	}
	b.Process = fakevm.ProcessOf(cmd.Process.Pid)
	// Written before the program can end: with --rm the machine then removes
	// the directory.
	err = errors.Join(fakevm.WriteJSON(ctr.file("boot.json"), b), ctr.mount(b.Started))
	if err == nil {
		conf := ctr.Configuration
		err = request(w, fakevm.Message{Boot: &fakevm.BootRequest{
			Dir:      ctr.dir,
			Marker:   "config.json",
			Root:     ctr.rootfs(),
			ReadOnly: conf.ReadOnly,
			Mounts:   mounts,
			Init:     ctr.guest(conf.InitProcess, true),
		}}, io)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		w.Close()
		return fakevm.Wire{}, err
	}
	go func() { _ = cmd.Wait() }()
	return w, nil
}

func (ctr *container) guest(p process, first bool) fakevm.Spec {
	spec := p.spec(ctr.rootfs(), ctr.Configuration.SSH)
	spec.First = first
	spec.Reaper = first && ctr.Configuration.UseInit
	return spec
}

func (c *call) unpackRoot(ctr *container) error {
	v := variant{}
	if err := c.blob(digest.Digest(ctr.Manifest), &v.manifest); err != nil {
		return err
	}
	tmp := ctr.file("unpacking")
	if err := fakevm.Remove(tmp); err != nil {
		return err
	}
	if err := c.unpack(v, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, ctr.rootfs())
}

// writeNames writes the files that are in the root, and so in an export, and
// are new at every start.
func (ctr *container) writeNames(address string) error {
	hosts := "127.0.0.1 localhost\n"
	if address != "" {
		hosts += address + " " + ctr.id() + "\n"
	}
	if err := ctr.writeRoot("/etc/hosts", hosts); err != nil {
		return err
	}
	d := ctr.Configuration.DNS
	if d == nil {
		return nil
	}
	servers := d.Nameservers
	if len(servers) == 0 {
		servers = []string{gateway}
	}
	text := ""
	for _, server := range servers {
		text += "nameserver " + server + "\n"
	}
	return ctr.writeRoot("/etc/resolv.conf", text)
}

func (ctr *container) writeRoot(name, text string) error {
	file, err := fakevm.Scoped(ctr.rootfs(), name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
