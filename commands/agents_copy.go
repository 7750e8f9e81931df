package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/agents"
)

func newAgentsCopyCommand(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:   "copy AGENT NAME",
		Short: "Make an agent of your own from another one",
		Long: `Make an agent of your own, called NAME, with a copy of another agent's files, and
print the directory they are in. Change its Dockerfile as you like: a bottle that
is started with it is built from that.`,
		Args: cli.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return runAgentsCopy(p, args[0], args[1])
		},
		ValidArgsFunction: p.completeAgents,
	}
}

func runAgentsCopy(p *Program, from, name string) error {
	agent, err := agents.Resolve(from, p.ConfigDir)
	if err != nil {
		return err
	}
	dir, err := agents.Copy(agent, name, p.ConfigDir)
	switch {
	case errors.Is(err, fs.ErrExist):
		return hinted{fmt.Errorf("agent %s exists already: %s", name, dir), "choose another name, or change the Dockerfile there"}
	case err != nil:
		return err
	}
	fmt.Fprintln(p.CLI.Out(), dir)
	if slices.Contains(agents.Builtin(), name) {
		p.notify("it takes the place of the built-in agent %s", name)
	}
	p.notify("start it with: %s start %s", p.Invocation, name)
	return nil
}
