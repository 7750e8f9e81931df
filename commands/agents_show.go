package commands

import (
	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/agents"
)

func newAgentsShowCommand(p *Program) *cobra.Command {
	return &cobra.Command{
		Use:   "show AGENT",
		Short: "Print an agent's Dockerfile",
		Args:  cli.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return runAgentsShow(p, args[0])
		},
		ValidArgsFunction: p.completeAgents,
	}
}

func runAgentsShow(p *Program, name string) error {
	agent, err := agents.Resolve(name, p.ConfigDir)
	if err != nil {
		return err
	}
	dockerfile, err := agent.ReadDockerfile()
	if err != nil {
		return err
	}
	_, err = p.CLI.Out().Write(dockerfile)
	return err
}
