package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
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

// choose returns the bottle that the person means without having named one:
// the only candidate, or the one picked from a list on the terminal.
func (p *Program) choose(ctx context.Context, verb string, running bool) (string, error) {
	candidates, err := p.candidates(ctx, running)
	if err != nil {
		return "", err
	}
	kind := "bottle"
	if running {
		kind = "running bottle"
	}
	switch {
	case len(candidates) == 0 && running:
		return "", hinted{errors.New("no bottle is running"), fmt.Sprintf("name the one to %s: %s %s BOTTLE", verb, p.Invocation, verb)}
	case len(candidates) == 0:
		return "", hinted{errors.New("there is no bottle yet"), fmt.Sprintf("make one with: %s start", p.Invocation)}
	case len(candidates) == 1 && running:
		p.notify("using %s, the only %s", candidates[0], kind)
		return candidates[0], nil
	case !p.interactive():
		return "", usage("which bottle? name one of: %s", strings.Join(candidates, ", "))
	}
	for i, name := range candidates {
		p.notify("%3d  %s", i+1, name)
	}
	line, err := p.ask(ctx, fmt.Sprintf("%s which %s (1-%d)? ", verb, kind, len(candidates)))
	if err != nil {
		return "", err
	}
	if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(candidates) {
		return candidates[n-1], nil
	}
	for _, name := range candidates {
		if name == line {
			return name, nil
		}
	}
	return "", usage("%q is not in the list", line)
}

func (p *Program) candidates(ctx context.Context, running bool) ([]string, error) {
	bottles, bad, err := p.Store.Bottles()
	if err != nil {
		return nil, err
	}
	for _, err := range bad {
		p.notify("%v", err)
	}
	states := map[string]map[bottlestate.Slug]backends.State{}
	if running {
		states = p.states(ctx, bottles)
	}
	var names []string
	for _, b := range bottles {
		if !running || states[engineKey(b)][b.Slug] == backends.Running {
			names = append(names, string(b.Slug))
		}
	}
	return names, nil
}

// engineKey tells the engines of bottles apart.
func engineKey(b bottlestate.Bottle) string { return b.Backend + " " + b.Endpoint }

// states asks every backend that has bottles for their states. One that does
// not answer is a line for the person and no failure; nor is a bottle of an
// engine that is not the current one: it is in no map.
func (p *Program) states(ctx context.Context, bottles []bottlestate.Bottle) map[string]map[bottlestate.Slug]backends.State {
	all := map[string]map[bottlestate.Slug]backends.State{}
	asked := map[string]bool{}
	for _, b := range bottles {
		if asked[b.Backend] {
			continue
		}
		asked[b.Backend] = true
		be, err := p.Backends.Lookup(b.Backend)
		if err != nil {
			p.notify("%v", err)
			continue
		}
		states, err := be.States(ctx)
		if err != nil {
			p.notify("%s: %v", b.Backend, err)
			continue
		}
		_, address := be.Endpoint()
		all[b.Backend+" "+address] = states
	}
	return all
}
