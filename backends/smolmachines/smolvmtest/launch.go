//go:build linux

package smolvmtest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// marker is the file without which the machine's process ends.
const marker = "boot.json"

// launch starts the machine's process, with an init that only waits: what runs
// in the container comes and goes.
func (m *machine) launch() (fakevm.Process, error) {
	mounts, err := m.mounts()
	if err != nil {
		return fakevm.Process{}, err
	}
	request := &fakevm.BootRequest{
		Dir:    m.dir(),
		Marker: marker,
		Root:   m.rootfs(),
		Mounts: mounts,
		Init:   fakevm.Spec{Root: m.rootfs(), First: true, Idle: true, Mapped: os.Geteuid() != 0},
	}
	if err := fakevm.WriteJSON(m.file(marker), request); err != nil {
		return fakevm.Process{}, err
	}
	if err := m.log("booting"); err != nil {
		return fakevm.Process{}, err
	}
	w, cmd, err := tool.Start(os.Environ()...) // the real one's process has it, too
	if err != nil {
		return fakevm.Process{}, err
	}
	defer w.Close()
	process := fakevm.ProcessOf(cmd.Process.Pid)
	if _, err := w.Request(fakevm.Message{Boot: request}, nil); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return process, agentError("start machine", "%s", outOf(err))
	}
	go func() { _ = cmd.Wait() }()
	return process, nil
}

// log adds a line to the machine's console, which the real tool keeps from boot
// to boot.
func (m *machine) log(line string) error {
	f, err := os.OpenFile(m.file("agent-console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// mounts are what is not in the root: what is lost at a stop, the workspace,
// which is on the machine's own disk, and the volumes.
func (m *machine) mounts() ([]fakevm.Mount, error) {
	workspace := m.file("storage/workspace")
	if err := os.MkdirAll(workspace, 0o755); err != nil {
		return nil, err
	}
	mounts := []fakevm.Mount{{Type: "bind", Source: workspace, Target: "/workspace"}}
	for _, dir := range []string{"/tmp", "/run", "/dev/shm"} {
		mounts = append(mounts, fakevm.Mount{Type: "tmpfs", Target: dir})
	}
	for _, v := range m.Mounts {
		mounts = append(mounts, fakevm.Mount{Type: "bind", Source: v.Host, Target: v.Guest, ReadOnly: v.ReadOnly})
	}
	return mounts, nil
}

// prepare runs the init commands, once, and starts the workload.
func (m *machine) prepare() error {
	for _, command := range m.Init {
		if m.InitCompleted {
			break
		}
		status, err := m.wait([]string{"/bin/sh", "-c", command})
		if err != nil {
			return agentError("init", "%s", outOf(err))
		}
		if status != 0 {
			return agentError("init", "command '%s' exited with code %d", command, status)
		}
	}
	workload := slices.Concat(m.Entrypoint, m.Cmd)
	if len(workload) == 0 {
		return nil
	}
	spec, err := m.spec(workload, nil)
	if err != nil {
		return err
	}
	spec.MakeDir = true
	w, err := fakevm.Dial(m.dir())
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Request(fakevm.Message{Exec: &spec}, nil); err != nil {
		return agentError("start background CMD", "%s", outOf(err))
	}
	return nil
}

// wait runs a program to its end, without input and output.
func (m *machine) wait(args []string) (status int, err error) {
	spec, err := m.spec(args, nil)
	if err != nil {
		return 0, err
	}
	spec.MakeDir = true
	w, err := fakevm.Dial(m.dir())
	if err != nil {
		return 0, err
	}
	defer w.Close()
	if _, err := w.Request(fakevm.Message{Exec: &spec}, nil); err != nil {
		return 0, err
	}
	end, _, err := w.Receive()
	return end.Status, err
}

// spec is a program in the machine: the env of the image, that of the machine
// and its secrets, then what the call says, of which the last one counts.
func (m *machine) spec(args, env []string) (fakevm.Spec, error) {
	secrets, err := resolveSecrets(m.Secrets)
	if err != nil {
		return fakevm.Spec{}, err
	}
	spec := fakevm.Spec{
		Root:   m.rootfs(),
		Args:   args,
		Env:    last(slices.Concat([]string{defaultPath}, m.Config.Env, m.Env, secrets, env)),
		Dir:    cmp.Or(m.Workdir, m.Config.Workdir, "/"),
		User:   cmp.Or(m.User, m.Config.User, "0:0"),
		Mapped: os.Geteuid() != 0,
	}
	if !filepath.IsAbs(spec.Dir) {
		spec.Dir = "/" + spec.Dir
	}
	return spec, nil
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// last keeps the last entry of each key.
func last(env []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, entry := range slices.Backward(env) {
		key, _, _ := strings.Cut(entry, "=")
		if !seen[key] {
			seen[key] = true
			all = append(all, entry)
		}
	}
	slices.Reverse(all)
	return all
}

// outOf puts a machine's error into the words of its container runtime.
func outOf(err error) string {
	var f *fakevm.Failure
	if !errors.As(err, &f) {
		return err.Error()
	}
	switch f.Reason {
	case fakevm.NoMachine:
		return "connection to VM lost"
	case fakevm.NoProgram:
		return fmt.Sprintf("executable file `%s` not found in $PATH: No such file or directory", f.Name)
	case fakevm.NoUser, fakevm.NoGroup:
		return fmt.Sprintf("unable to find user or group %s", f.Name)
	case fakevm.NoDir:
		return fmt.Sprintf("chdir to `%s`: No such file or directory", f.Name)
	case fakevm.NoMount:
		return fmt.Sprintf("mount %s: %s", f.Name, f.Text)
	}
	return f.Text
}
