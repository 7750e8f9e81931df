//go:build linux

package containertest

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
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
		dir, err := fakevm.Scoped(b.root, config.WorkingDir)
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
