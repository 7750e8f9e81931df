// Package commands is what a person types and reads: one file a verb. It
// parses, asks, prints, and leaves the work to package bottle.
package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/moby/term"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Program is what the commands work on.
type Program struct {
	CLI      command.Cli
	Backends backends.Registry
	Store    bottlestate.Store
	// ConfigDir holds the user's own agents.
	ConfigDir string
	Version   string
	// Invocation is how this program was called, up to its own name: "docker
	// bottle", with the global flags that were given. A hint that begins with
	// it works where the person is.
	Invocation string
	// Args is what was typed after that, quoted.
	Args string

	quiet bool      // --quiet: only results, warnings and errors
	line  *progress // what is drawn on the terminal, or nil
}

// NewRootCommand returns the bottle command with all its verbs.
func NewRootCommand(p *Program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bottle",
		Short: "Keep AI agents' sandboxes alive across reboots, removals and moves",
		Args:  cli.NoArgs,
		RunE:  command.ShowHelp(p.CLI.Err()),
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			listen(cmd)
			return plugin.PersistentPreRunE(cmd, args)
		},
	}
	cmd.AddCommand(
		newStartCommand(p),
		newAgentsCommand(p),
		newCommitCommand(p),
		newCompactCommand(p),
		newResumeCommand(p),
		newExecCommand(p),
		newLogsCommand(p),
		newWaitCommand(p),
		newLsCommand(p),
		newLogCommand(p),
		newInspectCommand(p),
		newDfCommand(p),
		newStopCommand(p),
		newRmCommand(p),
		newAdoptCommand(p),
		newDoctorCommand(p),
		newPruneCommand(p),
		newVersionCommand(p),
	)
	return cmd
}

// listen makes Ctrl-C, SIGTERM and a terminal that closes end the command's
// context, which the plugin framework alone does not do on a terminal. A second
// signal kills; but one of a terminal, which sends several.
func listen(cmd *cobra.Command) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(closed, syscall.SIGHUP)
	}
	go func() {
		select {
		case <-closed:
		case <-ctx.Done():
		}
		cancel()
		stop()
	}()
	cmd.SetContext(ctx)
}

// notify tells the person one line, unless nothing was to be told.
func (p *Program) notify(format string, args ...any) {
	if !p.quiet {
		p.warn(format, args...)
	}
}

// warn tells what a person has to know: what is lost, or went wrong.
func (p *Program) warn(format string, args ...any) {
	p.line.aside(func() { fmt.Fprintf(p.CLI.Err(), format+"\n", args...) })
}

// parseSlug returns the name of a bottle that was typed.
func parseSlug(name string) (bottlestate.Slug, error) {
	slug, err := bottlestate.ParseSlug(name)
	if err != nil {
		return "", cliUsage(err)
	}
	return slug, nil
}

// open returns a bottle by the name that was typed, with its backend.
func (p *Program) open(name string) (backends.Backend, bottlestate.Bottle, error) {
	slug, err := parseSlug(name)
	if err != nil {
		return nil, bottlestate.Bottle{}, err
	}
	b, err := p.record(slug)
	if err != nil {
		return nil, b, err
	}
	be, err := p.Backends.Lookup(b.Backend)
	if err != nil {
		return nil, b, fmt.Errorf("bottle %s: %w", slug, err)
	}
	return be, b, bottle.CheckEngine(be, b)
}

// record returns the record of a bottle, whatever engine it belongs to.
func (p *Program) record(slug bottlestate.Slug) (bottlestate.Bottle, error) {
	b, err := p.Store.Bottle(slug)
	if errors.Is(err, bottlestate.ErrNotFound) {
		return b, p.unknown(slug)
	}
	return b, err
}

// openSource finds the Dockerfile of a bottle: by name for a built-in agent,
// by the recorded path otherwise.
func (p *Program) openSource(b bottlestate.Bottle) (backends.Source, func(), error) {
	if b.BuildContext != "" {
		if _, err := os.Stat(b.Dockerfile); err != nil {
			return backends.Source{}, nil, fmt.Errorf("the agent's Dockerfile: %w", err)
		}
		return backends.Source{Dir: b.BuildContext, Dockerfile: b.Dockerfile}, func() {}, nil
	}
	agent, err := agents.Resolve(b.Agent, p.ConfigDir)
	if err != nil {
		return backends.Source{}, nil, err
	}
	dir, cleanup, err := agent.Open()
	return backends.Source{Dir: dir, Dockerfile: dir + string(os.PathSeparator) + "Dockerfile"}, cleanup, err
}

// stdio is the person's own streams, as a terminal where both ends are one.
func (p *Program) stdio(input bool) backends.Stdio {
	s := backends.Stdio{
		Out:        os.Stdout,
		Err:        os.Stderr,
		DetachKeys: p.CLI.ConfigFile().DetachKeys,
		TTY:        p.interactive() && isTerminal(os.Stdout),
	}
	if input || s.TTY {
		s.In = os.Stdin
	}
	return s
}

func (p *Program) interactive() bool { return isTerminal(os.Stdin) }

func isTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// each runs f for every name and goes on after an error, as docker does. The
// names that f has done are the output.
func (p *Program) each(ctx context.Context, names []string, f func(name string) (done bool, err error)) error {
	var errs []error
	for _, name := range names {
		if done, err := f(name); err != nil {
			errs = append(errs, p.hint(err))
		} else if done {
			fmt.Fprintln(p.CLI.Out(), name)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}
