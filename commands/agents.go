package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/bottle"
)

type agentsOptions struct {
	quiet  bool
	format string
}

func newAgentsCommand(p *Program) *cobra.Command {
	var o agentsOptions
	cmd := &cobra.Command{
		Use:   "agents [OPTIONS]",
		Short: "List the agents that a bottle can be started with",
		Long: `List the agents that a bottle can be started with: built-in ones and your own.

An agent is a directory with a Dockerfile. Your own are in
$XDG_CONFIG_HOME/docker-bottle/agents; one with the name of a built-in agent
takes its place. "agents copy" makes one to begin with.

Labels in the Dockerfile say what is to be known of the agent:

` + bottle.SecretsLabel + `
  variables of your environment that it can use, such as "A_KEY B_KEY". At start
  and resume those that are set are handed to the agent, and stored nowhere.
` + bottle.MissingLabel + `
  what to say at start if none of them is set
` + bottle.ContinueLabel + `
  the command that goes on with its last conversation`,
		Args: cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runAgents(p, &o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print names only")
	cmd.Flags().StringVar(&o.format, "format", "", formatHelp)
	cmd.AddCommand(newAgentsShowCommand(p), newAgentsCopyCommand(p))
	return cmd
}

func runAgents(p *Program, o *agentsOptions) error {
	all, err := agents.List(p.ConfigDir)
	if err != nil {
		return err
	}
	var rows []formatter.SubContext
	for _, entry := range all {
		about := bottle.ReadLabels(entry.Labels, func(format string, args ...any) {
			p.notify("agent "+entry.Name+": "+format, args...)
		})
		secrets := about.Secrets
		if isTable(o.format) {
			secrets = few(secrets)
		}
		rows = append(rows, newAgentRow(entry, secrets))
	}
	return p.table(o.format, o.quiet, agentTable, newAgentRow(agents.Entry{}, nil), "{{.Name}}", rows)
}

// few are the names that a line has room for; "agents show" has all.
func few(names []string) []string {
	const room = 2
	if len(names) <= room {
		return names
	}
	return append(slices.Clone(names[:room]), fmt.Sprintf("and %d more", len(names)-room))
}

const agentTable = "table {{.Name}}\t{{.Kind}}\t{{.Secrets}}\t{{.Note}}"

type agentRow struct {
	formatter.HeaderContext
	entry   agents.Entry
	secrets []string
}

func newAgentRow(entry agents.Entry, secrets []string) *agentRow {
	row := &agentRow{entry: entry, secrets: secrets}
	row.Header = formatter.SubHeaderContext{"Name": "NAME", "Kind": "KIND", "Secrets": "SECRETS", "Path": "PATH", "Note": "NOTE"}
	return row
}

func (r *agentRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

func (r *agentRow) Name() string    { return r.entry.Name }
func (r *agentRow) Secrets() string { return strings.Join(r.secrets, " ") }
func (r *agentRow) Path() string    { return r.entry.Dir }

func (r *agentRow) Kind() string {
	if r.entry.Dir == "" {
		return "built-in"
	}
	return "own"
}

// Note is what is wrong with the agent, or unusual.
func (r *agentRow) Note() string {
	switch {
	case errors.Is(r.entry.Err, fs.ErrNotExist):
		return "no Dockerfile"
	case r.entry.Err != nil:
		return strings.ReplaceAll(r.entry.Err.Error(), "\n", " ")
	case r.entry.Shadows:
		return "in place of the built-in one"
	}
	return ""
}

// completeAgents completes the name of an agent as the first argument.
func (p *Program) completeAgents(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return agents.Names(p.ConfigDir), cobra.ShellCompDirectiveDefault // or a directory
}
