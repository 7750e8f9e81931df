//go:build linux

package fakevm

import (
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EnterGuest is the main function of a process that becomes a program in a
// tree. It says on a pipe who it is, and then why it could not; the pipe is
// closed if it could.
func EnterGuest() {
	fail := os.NewFile(4, "fail")
	unix.CloseOnExec(4)
	var spec Spec
	err := json.NewDecoder(os.NewFile(3, "spec")).Decode(&spec)
	if err == nil {
		unix.CloseOnExec(3)
		_ = json.NewEncoder(fail).Encode(Message{Pid: os.Getpid()})
		err = spec.enter(fail)
	}
	_ = json.NewEncoder(fail).Encode(Message{Failure: asFailure(err)})
	os.Exit(1)
}

// enter returns only if it fails.
func (s Spec) enter(fail *os.File) error {
	if s.Private {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		mountDevices(s.Root)
	}
	if s.First {
		if proc, ok := directory(s.Root, "proc"); ok {
			_ = unix.Mount("proc", proc, "proc", 0, "") // a user namespace may forbid it
		}
	}
	if err := syscall.Chroot(s.Root); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if s.Idle {
		fail.Close()
		idle()
	}
	who, err := resolve(s.User)
	if err != nil {
		return err
	}
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	if s.MakeDir {
		err = os.MkdirAll(dir, 0o755)
	} else {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return &Failure{Reason: NoDir, Name: dir, Text: err.Error()}
	}
	env := s.Env
	if _, ok := lookup(env, "HOME"); !ok {
		env = append(env, "HOME="+who.home)
	}
	file, err := lookPath(s.Args[0], dir, env)
	if err != nil {
		return err
	}
	if !s.Mapped {
		if err := who.become(); err != nil {
			return err
		}
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	if s.Reaper {
		return reap(file, s.Args, env, fail)
	}
	return syscall.Exec(file, s.Args, env)
}

// lookup returns the value that getenv finds.
func lookup(env []string, key string) (string, bool) {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value, true
		}
	}
	return "", false
}

// lookPath finds a program in the root that this process is now in.
func lookPath(name, dir string, env []string) (string, error) {
	missing := &Failure{Reason: NoProgram, Name: name}
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
	path, _ := lookup(env, "PATH")
	for _, dir := range filepath.SplitList(path) {
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

// idle is an init that has no program of its own: it waits for orphans until
// the machine ends.
func idle() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil {
			time.Sleep(20 * time.Millisecond) // no children
		}
	}
}

// reap is an init with one program. It returns only if that cannot start.
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
