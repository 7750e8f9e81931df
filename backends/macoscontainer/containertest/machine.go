//go:build linux

package containertest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// spec is the process as a program in a tree.
func (p process) spec(root string, ssh bool) fakevm.Spec {
	return fakevm.Spec{
		Root:     root,
		Args:     slices.Concat([]string{p.Executable}, p.Arguments),
		Env:      p.environment(ssh),
		Dir:      p.WorkingDirectory,
		MakeDir:  true,
		User:     p.User.text(),
		Terminal: p.Terminal,
		Mapped:   os.Geteuid() != 0,
	}
}

// environment is what the program gets: of entries with the same key the
// first, which is the one that getenv finds.
func (p process) environment(ssh bool) []string {
	var env []string
	seen := map[string]bool{}
	add := func(entry string) {
		key, _, assigned := strings.Cut(entry, "=")
		if !seen[key] {
			seen[key] = assigned
			env = append(env, entry)
		}
	}
	for _, entry := range p.Environment {
		add(entry)
	}
	add("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	if p.Terminal {
		add("TERM=xterm")
	}
	if ssh {
		add("SSH_AUTH_SOCK=/var/host-services/ssh-auth.sock")
	}
	return env
}

func (u user) text() string {
	switch {
	case u.Raw != nil:
		return u.Raw.UserString
	case u.ID != nil:
		return strconv.Itoa(u.ID.UID) + ":" + strconv.Itoa(u.ID.GID)
	}
	return "0:0"
}

// request asks a machine for something, with the program's ends of the pipes.
func request(w fakevm.Wire, m fakevm.Message, s *stdio) error {
	var pipes *fakevm.Stdio
	if s != nil {
		pipes = s.Stdio
	}
	_, err := w.Request(m, pipes)
	return outOf(err)
}

// outOf puts a machine's error into the tool's words.
func outOf(err error) error {
	var f *fakevm.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch f.Reason {
	case fakevm.NoMachine:
		return failed("internalError", "the virtual machine ended")
	case fakevm.NoProgram:
		return failed("internalError", "failed to find target executable %s", f.Name)
	case fakevm.NoUser:
		return failed("notFound", "unable to find user %s: no matching entries in passwd file", f.Name)
	case fakevm.NoGroup:
		return failed("notFound", "unable to find group %s: no matching entries in group file", f.Name)
	case fakevm.NoDir:
		return failed("internalError", "chdir %s: %s", f.Name, f.Text)
	case fakevm.NoMount:
		return failed("internalError", "mount %s: %s", f.Name, f.Text)
	}
	return failed("unknown", "%s", f.Text)
}

// connect calls a running container's machine.
func (ctr *container) connect() (fakevm.Wire, error) {
	w, err := fakevm.Dial(ctr.dir)
	if err != nil {
		return w, failed("invalidState", "container %s is not running", ctr.id())
	}
	return w, nil
}

// vmEnded is what happens when the first program has ended by itself: the disk
// is unmounted, and a container with --rm removed.
func vmEnded(v *fakevm.VM) {
	dir := v.Request.Dir
	ctr := container{dir: dir}
	if err := fakevm.ReadJSON(filepath.Join(dir, "config.json"), &ctr); err != nil {
		return
	}
	_ = ctr.unmounted() // what it leaves is a disk that seems to be mounted
	if !ctr.AutoRemove {
		return
	}
	s := settings{root: filepath.Dir(filepath.Dir(dir))}
	leave, err := s.service()
	if err != nil {
		return
	}
	defer leave()
	v.Unmount()
	_ = fakevm.Remove(dir) // what is left is reaped by the next command
}
