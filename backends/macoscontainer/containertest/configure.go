//go:build linux

package containertest

import (
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func (c *call) configure(id string, img image, v variant, p platform) (configuration, error) {
	conf := configuration{
		ID:             id,
		Image:          imageName{img.Reference, img.Descriptor},
		CreationDate:   time.Now().UTC().Truncate(time.Second),
		Platform:       p,
		Sysctls:        map[string]string{},
		CapAdd:         append([]string{}, c.flags["cap-add"]...),
		CapDrop:        append([]string{}, c.flags["cap-drop"]...),
		Rosetta:        c.has("rosetta") || p.Architecture == "amd64",
		SSH:            c.has("ssh"),
		ReadOnly:       c.has("read-only"),
		UseInit:        c.has("init"),
		Virtualization: c.has("virtualization"),
		RuntimeHandler: getOr(c.last("runtime"), "container-runtime-linux"),
		StopSignal:     v.config.Config.StopSignal,
		MaskedPaths:    c.flags["masked-path"],
		ReadonlyPaths:  c.flags["read-only-path"],
	}
	for _, fill := range []func(*configuration) error{c.labels, c.resources, c.mounts, c.networks, c.publish} {
		if err := fill(&conf); err != nil {
			return conf, err
		}
	}
	var err error
	conf.InitProcess, err = c.initProcess(v.config.Config)
	return conf, err
}

// initProcess joins what the image says and what the options say.
func (c *call) initProcess(img ocispec.ImageConfig) (process, error) {
	p := process{
		Environment:        []string{},
		WorkingDirectory:   getOr(c.last("workdir"), getOr(img.WorkingDir, "/")),
		Terminal:           c.has("tty"),
		SupplementalGroups: []int{},
		Rlimits:            []rlimit{},
	}
	entrypoint, arguments := img.Entrypoint, c.args[1:]
	if c.has("entrypoint") {
		entrypoint = []string{c.last("entrypoint")}
	} else if len(arguments) == 0 {
		arguments = img.Cmd
	}
	argv := slices.Concat([]string{}, entrypoint, arguments)
	if len(argv) == 0 {
		return p, failed("invalidArgument", "command/entrypoint not specified for container process")
	}
	p.Executable, p.Arguments = argv[0], argv[1:]
	var err error
	if p.User, err = c.user(img.User); err != nil {
		return p, err
	}
	if p.Rlimits, err = c.ulimits(); err != nil {
		return p, err
	}
	own, err := c.env()
	if err != nil {
		return p, err
	}
	p.Environment = c.mergeEnv(img.Env, own)
	return p, nil
}

// mergeEnv keeps the last value of each key, in no order.
func (c *call) mergeEnv(base, own []string) []string {
	values := map[string]string{}
	for _, entry := range slices.Concat(base, own) {
		key, _, ok := strings.Cut(entry, "=")
		if ok || !c.cli.atLeast(1, 2, 0) {
			values[key] = entry
		}
	}
	env := []string{}
	for _, entry := range values {
		env = append(env, entry)
	}
	slices.Sort(env) // the order of a map is random only at times
	mathrand.Shuffle(len(env), func(i, j int) { env[i], env[j] = env[j], env[i] })
	return env
}
