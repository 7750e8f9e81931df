package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/completion"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

type startOptions struct {
	name, backend, image, workspace, network string
	volumes, tmpfs, secrets, ports           []string
	allowHosts, allowCIDRs                   []string
	env, envFile                             opts.ListOpts
	cpus                                     opts.NanoCPUs
	memory                                   opts.MemBytes
	detach, remove, commitOnExit, quiet      bool
}

func newStartCommand(p *Program) *cobra.Command {
	o := startOptions{env: opts.NewListOpts(opts.ValidateEnv), envFile: opts.NewListOpts(nil)}
	cmd := &cobra.Command{
		Use:   "start [OPTIONS] [AGENT] [-- COMMAND [ARG...]]",
		Short: "Start a new bottle from an agent's Dockerfile",
		Long: `Start a new bottle: build the agent's image, create the bottle and run the agent.

AGENT is a directory with a Dockerfile (with a slash in it: ./mine), one of your
own agents, or a built-in one ("agents" lists them); without it you are asked for
one of those. The agent's command is the image's ENTRYPOINT and CMD; COMMAND takes
the place of CMD.

An agent's Dockerfile can name variables of your environment that the agent uses,
such as an API key ("agents --help" says how). Those that are set are handed to it
as with --secret, which is said. An image given with --image gets none unasked.

Exit status: the agent's own; 125 for wrong usage, 130 when interrupted, 1 for
anything else that goes wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, command, err := splitDash(cmd, args)
			if err != nil {
				return err
			}
			return runStart(cmd.Context(), p, &o, agent, command)
		},
		ValidArgsFunction: p.completeAgents,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", `Name of the bottle (default "AGENT-" and five random characters)`)
	flags.StringVar(&o.backend, "backend", backends.Default, "Engine to run the bottle on")
	flags.StringVar(&o.image, "image", "", "Start from this image instead of an agent's Dockerfile")
	flags.StringVar(&o.workspace, "workspace", "", "Copy this directory to /work; it is part of the snapshots")
	flags.StringVar(&o.network, "network", "", "Connect the bottle to a network")
	flags.StringArrayVar(&o.allowHosts, "allow-host", nil, "Let the bottle reach this host and no others but those allowed, where its engine can do that")
	flags.StringArrayVar(&o.allowCIDRs, "allow-cidr", nil, "Let the bottle reach these addresses and no others but those allowed, where its engine can do that")
	flags.StringArrayVarP(&o.ports, "publish", "p", nil, "Publish a port of the bottle to the host, as HOST:BOTTLE")
	flags.StringArrayVarP(&o.volumes, "volume", "v", nil, "Mount a volume or directory; it is not part of the snapshots")
	flags.StringArrayVar(&o.tmpfs, "tmpfs", nil, "Mount a tmpfs directory; it is not part of the snapshots")
	flags.StringArrayVar(&o.secrets, "secret", nil, "Hand the agent this variable of your environment; its value is stored nowhere")
	flags.VarP(&o.env, "env", "e", "Set an environment variable for the agent")
	flags.Var(&o.envFile, "env-file", "Read environment variables from a file")
	flags.Var(&o.cpus, "cpus", "Number of CPUs")
	flags.VarP(&o.memory, "memory", "m", "Memory limit")
	flags.BoolVarP(&o.detach, "detach", "d", false, "Run the agent in the background and print the bottle's name")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing but what goes wrong")
	flags.BoolVar(&o.remove, "rm", false, "Remove the bottle when its agent ends, unless it was committed")
	flags.BoolVar(&o.commitOnExit, "commit-on-exit", false, "Commit the bottle when its agent ends")
	_ = cmd.RegisterFlagCompletionFunc("backend", completion.FromList(p.Backends.Names()...))
	_ = cmd.RegisterFlagCompletionFunc("secret", completion.EnvVarNames())
	_ = cmd.RegisterFlagCompletionFunc("env", completion.EnvVarNames())
	_ = cmd.RegisterFlagCompletionFunc("image", completion.ImageNames(p.CLI, 1))
	return cmd
}

// splitDash splits "[NAME] [-- COMMAND...]". NAME COMMAND... would read well
// too, but a typo would then become a command. As the command is after --,
// options may come anywhere before that.
func splitDash(cmd *cobra.Command, args []string) (name string, command []string, err error) {
	before := args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		before, command = args[:dash], args[dash:]
	}
	switch {
	case len(before) > 1:
		return "", nil, usage("unexpected argument %q: put the command after --\n\nSee '%s --help' for more information", before[1], cmd.CommandPath())
	case len(before) == 1:
		name = before[0]
	}
	if len(command) == 0 {
		command = nil
	}
	return name, command, nil
}

func runStart(ctx context.Context, p *Program, o *startOptions, agent string, command []string) error {
	p.quiet = o.quiet
	b, err := p.plan(ctx, o, agent, command)
	if err != nil {
		return err
	}
	be, err := p.Backends.Lookup(o.backend)
	if err != nil {
		return err
	}
	b.Context, b.Endpoint = be.Endpoint()
	working, line := p.progress(ctx, "starting "+string(b.Slug))
	log := newBuildLog(p, line, b.Agent)
	b, err = bottle.Start(working, be, p.Store, b, p.openSource, log, p.notify)
	if err := log.Close(err); err != nil {
		return p.taken(err, b.Slug)
	}
	if o.detach {
		return p.background(ctx, be, b, bottle.RunOptions{})
	}
	return p.attached(ctx, be, b, bottle.RunOptions{CommitOnExit: o.commitOnExit, Note: withoutSession(be, p.stdio(true))})
}

// plan turns the options into the record of a new bottle.
func (p *Program) plan(ctx context.Context, o *startOptions, agentName string, command []string) (b bottlestate.Bottle, err error) {
	if err := checkSecrets(o.secrets); err != nil {
		return b, err
	}
	switch {
	case o.detach && o.remove:
		return b, usage("conflicting options: with -d nobody waits for the agent's end, so --rm cannot act on it")
	case o.detach && o.commitOnExit:
		return b, usage("conflicting options: with -d nobody waits for the agent's end, so --commit-on-exit cannot act on it")
	case agentName != "" && o.image != "":
		return b, usage("conflicting options: an agent (%s) and --image", agentName)
	case agentName == "" && o.image == "":
		if agentName, err = p.chooseAgent(ctx); err != nil {
			return b, err
		}
	}
	b = bottlestate.Bottle{
		Image:      o.image,
		Backend:    o.backend,
		Command:    command,
		Tmpfs:      o.tmpfs,
		Secrets:    o.secrets,
		Network:    o.network,
		AllowHosts: o.allowHosts,
		AllowCIDRs: o.allowCIDRs,
		Ports:      o.ports,
		NanoCPUs:   o.cpus.Value(),
		Memory:     o.memory.Value(),
		Remove:     o.remove,
		Created:    time.Now().UTC().Truncate(time.Second),
	}
	if strings.HasPrefix(b.Image, ".") || filepath.IsAbs(b.Image) { // a file, and no name of an image
		if b.Image, err = filepath.Abs(b.Image); err != nil {
			return b, err
		}
	}
	if b.Volumes, err = absoluteVolumes(o.volumes); err != nil {
		return b, err
	}
	prefix, err := p.planAgent(&b, agentName)
	if err != nil {
		return b, err
	}
	if o.name != "" {
		b.Slug, err = bottlestate.ParseSlug(o.name)
	} else {
		b.Slug, err = bottlestate.RandomSlug(prefix)
	}
	if err != nil {
		return b, cliUsage(err)
	}
	if b.Env, err = opts.ReadKVEnvStrings(o.envFile.GetSlice(), o.env.GetSlice()); err != nil {
		return b, err
	}
	if o.workspace != "" {
		if b.Workspace, err = directory(o.workspace); err != nil {
			return b, fmt.Errorf("workspace %w", err)
		}
	}
	return b, nil
}

// planAgent fills in where the bottle's image comes from, and returns the
// beginning of its default name.
func (p *Program) planAgent(b *bottlestate.Bottle, name string) (prefix string, err error) {
	if b.Image != "" {
		return "bottle", nil
	}
	agent, err := agents.Resolve(name, p.ConfigDir)
	if err != nil {
		return "", err
	}
	b.Agent = name
	if !agent.Builtin {
		b.BuildContext, b.Dockerfile = agent.Dir, agent.Dockerfile
	}
	return agent.Name, nil
}

// checkSecrets refuses what is not the name of a variable. It may be a secret
// itself, so it is not repeated.
func checkSecrets(names []string) error {
	for _, name := range names {
		switch {
		case strings.Contains(name, "="):
			return usage("--secret takes the name of a variable, not NAME=value")
		case !bottle.IsVariable(name):
			return usage("--secret takes the name of a variable: letters, digits and _, no digit first")
		}
	}
	return nil
}

func cliUsage(err error) error { return usage("%v", err) }

func directory(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	return dir, nil
}

// separators are those of this system's paths.
const separators = "/" + string(filepath.Separator)

// absoluteVolumes makes host paths absolute, as docker run does; the engine
// takes a relative one for a volume's name. A ~ gets here if the shell saw no
// beginning of a word in it: --volume=~/src:/src.
func absoluteVolumes(volumes []string) ([]string, error) {
	var all []string
	for _, v := range volumes {
		source, rest, ok := strings.Cut(v, ":")
		if !ok {
			return nil, usage("volume %q: say what to mount where, as SOURCE:TARGET", v)
		}
		if source == "~" || strings.HasPrefix(source, "~/") {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, err
			}
			v = filepath.Join(home, source[1:]) + ":" + rest
		} else if strings.HasPrefix(source, ".") || strings.ContainsAny(source, separators) && !filepath.IsAbs(source) && !strings.HasPrefix(source, "~") {
			path, err := filepath.Abs(source)
			if err != nil {
				return nil, err
			}
			v = path + ":" + rest
		}
		all = append(all, v)
	}
	return all, nil
}
