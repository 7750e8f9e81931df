//go:build linux

package containertest

import (
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterGuest is the main function of a process that becomes a container's
// program. It says on a pipe why it could not; the pipe is closed if it could.
func enterGuest() {
	fail := os.NewFile(4, "fail")
	unix.CloseOnExec(4)
	var spec guestSpec
	err := json.NewDecoder(os.NewFile(3, "spec")).Decode(&spec)
	if err == nil {
		unix.CloseOnExec(3)
		err = spec.enter(fail)
	}
	_ = json.NewEncoder(fail).Encode(failureMessage(err))
	os.Exit(1)
}

// enter returns only if it fails.
func (g guestSpec) enter(fail *os.File) error {
	if g.Private {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		mountDevices(g.Root)
	}
	if g.First {
		if proc, ok := directory(g.Root, "proc"); ok {
			_ = unix.Mount("proc", proc, "proc", 0, "") // a user namespace may forbid it
		}
	}
	if err := syscall.Chroot(g.Root); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	p := g.Process
	who, err := p.User.resolve()
	if err != nil {
		return err
	}
	dir := p.WorkingDirectory
	if dir == "" {
		dir = "/"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return failed("internalError", "chdir %s: %v", dir, err)
	}
	env := g.environment(who)
	file, err := lookPath(p.Executable, dir, env)
	if err != nil {
		return err
	}
	if !g.Mapped {
		if err := who.become(); err != nil {
			return err
		}
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	argv := append([]string{p.Executable}, p.Arguments...)
	if g.Reaper {
		return reap(file, argv, env, fail)
	}
	return syscall.Exec(file, argv, env)
}

// environment is what the program gets: of entries with the same key the
// first, which is the one that getenv finds.
func (g guestSpec) environment(who identity) []string {
	var env []string
	seen := map[string]bool{}
	add := func(entry string) {
		key, _, assigned := strings.Cut(entry, "=")
		if !seen[key] {
			seen[key] = assigned
			env = append(env, entry)
		}
	}
	for _, entry := range g.Process.Environment {
		add(entry)
	}
	add("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	add("HOME=" + who.home)
	if g.Process.Terminal {
		add("TERM=xterm")
	}
	if g.SSH {
		add("SSH_AUTH_SOCK=/var/host-services/ssh-auth.sock")
	}
	return env
}

// lookPath finds a program in the root that this process is now in.
func lookPath(name, dir string, env []string) (string, error) {
	missing := failed("internalError", "failed to find target executable %s", name)
	if strings.Contains(name, "/") {
		file := name
		if !filepath.IsAbs(name) {
			file = filepath.Join(dir, name)
		}
		if !executable(file) {
			return "", missing
		}
		return file, nil
	}
	i := slices.IndexFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
	for _, dir := range filepath.SplitList(strings.TrimPrefix(env[i], "PATH=")) {
		if file := filepath.Join(dir, name); executable(file) {
			return file, nil
		}
	}
	return "", missing
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// reap is the init of --init. It returns only if the program cannot start.
func reap(file string, argv, env []string, fail *os.File) error {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	pid, err := syscall.ForkExec(file, argv, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}, Sys: foreground()})
	if err != nil {
		return err
	}
	fail.Close()
	go func() {
		for s := range signals {
			// The runtime sends itself SIGURG.
			if s != syscall.SIGURG && s != syscall.SIGCHLD {
				_ = syscall.Kill(pid, s.(syscall.Signal))
			}
		}
	}()
	for {
		var ws syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err != nil || ended != pid:
		case ws.Signaled():
			os.Exit(128 + int(ws.Signal()))
		case ws.Exited():
			os.Exit(ws.ExitStatus())
		}
	}
}

// foreground makes the program the one that the terminal, if there is one,
// sends its signals to.
func foreground() *syscall.SysProcAttr {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil {
		return nil
	}
	return &syscall.SysProcAttr{Foreground: true, Setpgid: true, Ctty: 0}
}
