//go:build linux

package containertest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func buildCommand() *command {
	return &command{
		path:  "build",
		about: "Build an image from a Dockerfile or Containerfile",
		options: `
-a --arch <arch>
--build-arg <key=val>
-c --cpus <cpus>
-f --file <path>
-l --label <label>
-m --memory <memory>
--no-cache
-o --output <spec>
--os <os>
--platform <platform>
--progress <type>
--pull
-q --quiet
--secret <spec>
--ssh <spec> 1.2.1
-t --tag <name>
--target <stage>
--vsock-port <port>
--dns <ip>
--dns-domain <domain>
--dns-option <option>
--dns-search <domain>`,
		args:       "[<context-dir>]",
		configured: true,
		run:        runBuild,
	}
}

// maxDockerfile is apple/container#735.
const maxDockerfile = 16384

// resetTerminal sets the terminal's mode to what it is, as the real tool does
// at the end of a build that drew on it. That stops a program which is not in
// the terminal's foreground group.
func resetTerminal() {
	state, err := unix.IoctlGetTermios(unix.Stderr, unix.TCGETS)
	if err == nil {
		_ = unix.IoctlSetTermios(unix.Stderr, unix.TCSETS, state)
	}
}

func runBuild(c *call) error {
	if err := c.progress("auto", "plain", "tty"); err != nil {
		return err
	}
	if c.last("progress") != "plain" {
		defer resetTerminal()
	}
	for _, option := range []string{"output", "secret", "ssh", "target"} {
		if c.has(option) {
			return fmt.Errorf("containertest: build --%s is not faked", option)
		}
	}
	dir := "."
	if len(c.args) > 0 {
		dir = c.args[0]
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return c.command.refuse("context dir does not exist or is not a directory: %s", dir)
	}
	text, ignore, err := c.dockerfile(dir)
	if err != nil {
		return err
	}
	if err := c.ensureBuilder(); err != nil {
		return described{err}
	}
	if len(text) >= maxDockerfile {
		if !c.cli.atLeast(1, 0, 0) {
			return described{failed("unknown", "Transport became inactive")}
		}
		return described{failed("invalidArgument", "Dockerfile size (%d bytes) exceeds the maximum allowed size of 16384 bytes. See https://github.com/apple/container/issues/735.", len(text))}
	}
	tags, err := c.tags()
	if err != nil {
		return err
	}
	if err := c.build(text, dir, ignore, tags); err != nil {
		return described{err}
	}
	if !c.cli.atLeast(1, 0, 0) {
		fmt.Printf("Successfully built %s\n", strings.Join(tags, ", "))
		return nil
	}
	fmt.Println(strings.Join(tags, "\n"))
	return nil
}

// tags are the names of the image, with a tag but without a registry.
func (c *call) tags() ([]string, error) {
	names := c.flags["tag"]
	if len(names) == 0 {
		names = []string{uuid()}
	}
	var tags []string
	for _, name := range names {
		ref, err := parseReference(name)
		if err != nil {
			return nil, err
		}
		tags = append(tags, ref.tagged().String())
	}
	return tags, nil
}

// dockerfile reads the Dockerfile, and the patterns of what the context has
// to leave out.
func (c *call) dockerfile(dir string) (text string, ignore []string, err error) {
	file := c.last("file")
	var data []byte
	switch file {
	case "-":
		if data, err = io.ReadAll(os.Stdin); err != nil {
			return "", nil, err
		}
	case "":
		file = filepath.Join(dir, "Dockerfile")
		if _, err := os.Stat(file); err != nil {
			file = filepath.Join(dir, "Containerfile")
		}
		fallthrough
	default:
		if data, err = os.ReadFile(file); err != nil {
			return "", nil, c.command.refuse("Dockerfile does not exist at path: %s", file)
		}
	}
	for _, name := range []string{file + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		if f, err := os.Open(name); err == nil {
			defer f.Close()
			ignore, err = readIgnore(f)
			return string(data), ignore, err
		}
	}
	return string(data), nil, nil
}

func (c *call) build(text, dir string, ignore, tags []string) error {
	p, err := c.platform()
	if err != nil {
		return err
	}
	steps, err := parseDockerfile(text)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.root, "build")
	if err != nil {
		return err
	}
	defer fakevm.Remove(tmp)
	b := &builder{call: c, context: dir, ignore: ignore, root: filepath.Join(tmp, "rootfs"), args: map[string]string{}}
	b.image = ocispec.Image{Platform: ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}}
	for i, s := range steps {
		fmt.Fprintf(os.Stderr, "#%d [%d/%d] %s %s\n", i+1, i+1, len(steps), s.name, s.text)
		if err := b.step(s); err != nil {
			return failed("unknown", "failed to solve: %s %s: %v", s.name, s.text, err)
		}
	}
	for _, label := range c.flags["label"] {
		key, value, _ := strings.Cut(label, "=")
		b.label(key, value)
	}
	return c.commit(b, tags)
}

// base starts from an image, or from nothing.
func (b *builder) base(ref string) error {
	if ref == "scratch" {
		return os.Mkdir(b.root, 0o755)
	}
	_, v, _, err := b.resolveImage(ref)
	if err != nil {
		return err
	}
	platform := b.image.Platform
	b.image = v.config
	b.image.Platform = platform
	b.image.Config.Env = slices.Clone(v.config.Config.Env)
	return b.unpack(v, b.root)
}
