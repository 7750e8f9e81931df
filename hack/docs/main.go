// Docs writes docs/reference from the commands themselves. What stands outside
// of the markers of a page is written by hand, and kept.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strings"

	clidocstool "github.com/docker/cli-docs-tool"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/commands"
)

func main() {
	if err := generate("docs/reference", "docs/reference"); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// generate writes a page for each command into target. The parts written by
// hand come from the pages in source.
func generate(source, target string) error {
	root, err := newRoot()
	if err != nil {
		return err
	}
	describe(root)
	log.SetOutput(io.Discard) // the tool tells of each page
	tool, err := clidocstool.New(clidocstool.Options{Root: root, SourceDir: source, TargetDir: target, Plugin: true})
	if err != nil {
		return err
	}
	return tool.GenMarkdownTree(root)
}

// newRoot returns docker with the plugin's commands. No engine is asked.
func newRoot() (*cobra.Command, error) {
	cli, err := command.NewDockerCli()
	if err != nil {
		return nil, err
	}
	root := &cobra.Command{Use: "docker"}
	root.AddCommand(commands.NewRootCommand(&commands.Program{CLI: cli, Backends: backends.Registry{}}))
	return root, nil
}

// exitStatus is that of a command that does not say more about its own.
const exitStatus = `

Exit status: 0 when done, or when you said no to a question; 125 for wrong
usage, 130 when interrupted, 1 for anything else.`

// describe puts the synopsis before each command's description, and the exit
// status after it.
func describe(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		describe(sub)
	}
	cmd.DisableFlagsInUseLine = true
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	text = indented.ReplaceAllString(text, "  $0")
	var synopsis string
	if !cmd.HasSubCommands() || cmd.UseLine() != cmd.CommandPath() {
		synopsis = cmd.UseLine() + "\n"
		if !strings.Contains(text, "Exit status:") {
			text += exitStatus
		}
	}
	if cmd.HasSubCommands() {
		synopsis += cmd.CommandPath() + " COMMAND\n"
	}
	cmd.Long = "```text\n" + synopsis + "```\n\n" + text
}

// indented is the beginning of a line that is to stay a line: in Markdown it is
// one from four spaces on.
var indented = regexp.MustCompile(`(?m)^  `)
