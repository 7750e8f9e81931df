package commands

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/docker-bottle/docker-bottle/agents"
	"github.com/docker-bottle/docker-bottle/backends"
)

// ask prints a question and returns the line that is typed. It gives up when
// ctx ends; the end of the input is an empty line.
func (p *Program) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(p.CLI.Err(), question)
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		got <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case a := <-got:
		return a.line, a.err
	case <-ctx.Done():
		fmt.Fprintln(p.CLI.Err())
		return "", ctx.Err()
	}
}

// confirm asks a yes-or-no question; anything but yes is no.
func (p *Program) confirm(ctx context.Context, question string) (bool, error) {
	line, err := p.ask(ctx, question+" [y/N] ")
	line = strings.ToLower(line)
	return line == "y" || line == "yes", err
}

// choice is what a verb takes if no bottle is named.
type choice struct {
	verb string
	// running means that only running bottles will do.
	running bool
	// only means that one which is the only one is taken without asking.
	only bool
}

func (c choice) kind() string {
	if c.running {
		return "running bottle"
	}
	return "bottle"
}

// choose returns the bottle that the person means without having named one:
// the only candidate, or the one picked from a list on the terminal.
func (p *Program) choose(ctx context.Context, c choice) (string, error) {
	candidates, err := p.candidates(ctx, c)
	if err != nil {
		return "", err
	}
	switch {
	case len(candidates) == 0 && c.running:
		return "", hinted{errors.New("no bottle is running"), fmt.Sprintf("name the one to %s: %s %s BOTTLE", c.verb, p.Invocation, c.verb)}
	case len(candidates) == 0:
		return "", hinted{errors.New("there is no bottle yet"), fmt.Sprintf("make one with: %s start", p.Invocation)}
	case len(candidates) == 1 && c.only:
		name := candidates[0].Bottle()
		p.notify("using %s, the only %s", name, c.kind())
		return name, nil
	}
	var options []option
	var names []string
	for _, row := range candidates {
		names = append(names, row.Bottle())
		options = append(options, option{row.Bottle(), []string{row.Condition(), row.lastCommit(), row.Message()}})
	}
	if !p.interactive() {
		return "", usage("which bottle? name one of: %s", strings.Join(names, ", "))
	}
	return p.pick(ctx, c.verb+" which "+c.kind(), options)
}

// candidates asks the engines only where that matters: to know which bottles
// run, or to show it. What keeps one out is said in any case.
func (p *Program) candidates(ctx context.Context, c choice) ([]*bottleRow, error) {
	rows, err := p.bottleRows(p.warn)
	if err != nil {
		return nil, err
	}
	if c.running || p.interactive() && !(c.only && len(rows) == 1) {
		p.fillConditions(ctx, rows, p.warn)
	}
	if c.running {
		rows = slices.DeleteFunc(rows, func(r *bottleRow) bool { return r.condition.State != backends.Running })
	}
	return rows, p.fillSnapshots(rows, p.warn)
}

// namedOrChosen returns the names that were typed or, if there is none, the one
// that is chosen.
func (p *Program) namedOrChosen(ctx context.Context, args []string, c choice) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	name, err := p.choose(ctx, c)
	return []string{name}, err
}

// chooseAgent returns the agent that the person means without having named one.
func (p *Program) chooseAgent(ctx context.Context) (string, error) {
	options, err := p.agentOptions()
	if err != nil {
		return "", err
	}
	if p.interactive() {
		return p.pick(ctx, "start which agent", options)
	}
	var names []string
	for _, o := range options {
		names = append(names, o.name)
	}
	return "", usage("which agent? name one of %s, a directory with a Dockerfile (./DIR), or use --image", strings.Join(names, ", "))
}

// agentOptions are the agents that have a name and nothing wrong with them.
func (p *Program) agentOptions() ([]option, error) {
	entries, err := agents.List(p.ConfigDir)
	if err != nil {
		return nil, err
	}
	var options []option
	for _, e := range entries {
		if e.Err == nil {
			options = append(options, option{e.Name, []string{cmp.Or(e.Dir, "built in")}})
		}
	}
	return options, nil
}
