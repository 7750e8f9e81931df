//go:build linux

package containertest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// step is one instruction.
type step struct{ name, text string }

func parseDockerfile(text string) ([]step, error) {
	var steps []step
	joined := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok {
			joined += rest + " "
			continue
		}
		name, rest, _ := strings.Cut(joined+line, " ")
		steps = append(steps, step{strings.ToUpper(name), strings.TrimSpace(rest)})
		joined = ""
	}
	if joined != "" || len(steps) == 0 {
		return nil, failed("unknown", "failed to solve: dockerfile parse error")
	}
	return steps, nil
}

// builder is the state of a build between two instructions.
type builder struct {
	*call
	context, root string
	ignore        []string
	image         ocispec.Image
	args          map[string]string
	from          bool
}

func (b *builder) step(s step) error {
	if !b.from && s.name != "FROM" && s.name != "ARG" {
		return fmt.Errorf("no build stage in current context")
	}
	config := &b.image.Config
	switch s.name {
	case "FROM":
		if b.from || len(strings.Fields(s.text)) != 1 {
			return fmt.Errorf("containertest: one stage without a name is all there is")
		}
		b.from = true
		return b.base(b.expand(s.text))
	case "ARG":
		key, value, given := strings.Cut(s.text, "=")
		if given {
			b.args[key] = b.expand(unquote(value))
		}
		for _, arg := range b.flags["build-arg"] {
			if k, v, ok := strings.Cut(arg, "="); ok && k == key {
				b.args[key] = v
			}
		}
	case "ENV", "LABEL":
		pairs, err := b.pairs(s.text)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if s.name == "LABEL" {
				b.label(p[0], p[1])
				continue
			}
			config.Env = slices.DeleteFunc(config.Env, func(e string) bool { return strings.HasPrefix(e, p[0]+"=") })
			config.Env = append(config.Env, p[0]+"="+p[1])
		}
	case "WORKDIR":
		config.WorkingDir = path.Join("/", config.WorkingDir, b.expand(s.text))
		if path.IsAbs(b.expand(s.text)) {
			config.WorkingDir = path.Clean(b.expand(s.text))
		}
		dir, err := scoped(b.root, config.WorkingDir)
		if err != nil {
			return err
		}
		return os.MkdirAll(dir, 0o755)
	case "USER":
		config.User = b.expand(s.text)
	case "STOPSIGNAL":
		config.StopSignal = s.text
	case "ENTRYPOINT":
		config.Entrypoint = argv(s.text)
	case "CMD":
		config.Cmd = argv(s.text)
	case "VOLUME":
		config.Volumes = set(config.Volumes, s.text)
	case "EXPOSE":
		config.ExposedPorts = set(config.ExposedPorts, s.text)
	case "COPY":
		return b.copy(s.text)
	case "RUN":
		return b.run(argv(s.text))
	default:
		return fmt.Errorf("containertest: unknown instruction")
	}
	return nil
}

func (b *builder) label(key, value string) {
	if b.image.Config.Labels == nil {
		b.image.Config.Labels = map[string]string{}
	}
	b.image.Config.Labels[key] = value
}

// argv is a command in either form.
func argv(text string) []string {
	var args []string
	if json.Unmarshal([]byte(text), &args) == nil {
		return args
	}
	return []string{"/bin/sh", "-c", text}
}

func set(values map[string]struct{}, text string) map[string]struct{} {
	if values == nil {
		values = map[string]struct{}{}
	}
	var items []string
	if json.Unmarshal([]byte(text), &items) != nil {
		items = strings.Fields(text)
	}
	for _, item := range items {
		values[item] = struct{}{}
	}
	return values
}

func (b *builder) expand(text string) string {
	return os.Expand(text, func(key string) string {
		for _, entry := range b.image.Config.Env {
			if k, v, _ := strings.Cut(entry, "="); k == key {
				return v
			}
		}
		return b.args[key]
	})
}

// pairs reads key=value ..., or one key and the rest of the line.
func (b *builder) pairs(text string) ([][2]string, error) {
	first, rest, _ := strings.Cut(text, " ")
	if !strings.Contains(first, "=") {
		return [][2]string{{first, b.expand(unquote(strings.TrimSpace(rest)))}}, nil
	}
	var pairs [][2]string
	for _, w := range words(text) {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fmt.Errorf("syntax error: %s must have the form name=value", w)
		}
		if literal, single := strings.CutPrefix(value, "'"); single {
			value = strings.TrimSuffix(literal, "'")
		} else {
			value = b.expand(unquote(value))
		}
		pairs = append(pairs, [2]string{unquote(key), value})
	}
	return pairs, nil
}

// words splits at spaces that are not in quotes.
func words(text string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	for _, r := range text + " " {
		switch {
		case quote == 0 && r == ' ':
			if word.Len() > 0 {
				all = append(all, word.String())
			}
			word.Reset()
			continue
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		}
		word.WriteRune(r)
	}
	return all
}

func unquote(text string) string {
	if s, err := strconv.Unquote(text); err == nil {
		return s
	}
	return text
}

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
	attr := isolated()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	spec := guestSpec{Root: b.root, Process: p, First: true, Private: true, Mapped: os.Geteuid() != 0}
	before := missing(b.root, "dev", "proc", "sys")
	g, err := startGuest(spec, attr, []*os.File{null, logFile(), logFile()}, nil)
	if err != nil {
		return err
	}
	if status := g.wait(); status != 0 {
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

func readIgnore(r io.Reader) ([]string, error) { return ignorefile.ReadAll(r) }

// ignored returns a function that says whether a path of the context is left
// out.
func (b *builder) ignored() (func(string) bool, error) {
	m, err := patternmatcher.New(b.ignore)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		out, err := m.MatchesOrParentMatches(name)
		return err == nil && out
	}, nil
}
