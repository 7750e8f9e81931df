//go:build linux

package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// run runs a command in the root, with namespaces of its own.
func (b *builder) run(args []string) error {
	config := b.image.Config
	p := process{Executable: args[0], Arguments: args[1:], Environment: slices.Clone(config.Env), WorkingDirectory: config.WorkingDir}
	for key, value := range b.args {
		p.Environment = append(p.Environment, key+"="+value)
	}
	if config.User != "" {
		p.User.Raw = &userRaw{config.User}
	}
	attr := fakevm.Isolated()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	spec := p.spec(b.root, false)
	spec.First, spec.Private = true, true
	before := missing(b.root, "dev", "proc", "sys")
	g, err := tool.StartGuest(spec, attr, []*os.File{null, logFile(), logFile()}, nil)
	if err != nil {
		return outOf(err)
	}
	if status := g.Wait(); status != 0 {
		return fmt.Errorf("process %q did not complete successfully: exit code: %d", strings.Join(args, " "), status)
	}
	for _, dir := range before {
		_ = os.Remove(filepath.Join(b.root, dir)) // only a mount point
	}
	return nil
}

func missing(root string, names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.Join(root, name))
		return err == nil
	})
}

// logFile is stderr, where the log of a build goes, for a guest that closes
// what it gets.
func logFile() *os.File {
	fd, err := syscall.Dup(2)
	if err != nil {
		return nil
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "log")
}
