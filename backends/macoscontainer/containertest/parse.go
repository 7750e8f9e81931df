//go:build linux

package containertest

import (
	"fmt"
	"slices"
	"strings"
)

// groups are the nouns that have commands of their own.
var groups = map[string]string{"image": "image", "i": "image", "system": "system", "builder": "builder"}

// parse finds the command and takes its arguments apart. The call has no
// command if there is nothing left to do.
func parse(args []string, s settings) (*call, error) {
	for len(args) > 0 && args[0] == "--debug" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		fmt.Print(groupHelp("container", ""))
		return &call{}, nil
	}
	if args[0] == "--version" {
		fmt.Println(s.cliVersion())
		return &call{}, nil
	}
	group, ok := groups[args[0]]
	if !ok {
		return parseCommand("", args, s)
	}
	if args = args[1:]; len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		fmt.Print(groupHelp("container "+group, group+" "))
		return &call{}, nil
	}
	return parseCommand(group+" ", args, s)
}

func parseCommand(prefix string, args []string, s settings) (*call, error) {
	for _, c := range commands() {
		verb, ok := strings.CutPrefix(c.path, prefix)
		if ok && (verb == args[0] || slices.Contains(c.aliases, args[0])) && !strings.Contains(verb, " ") {
			p := &call{settings: s, command: c, flags: map[string][]string{}}
			err := p.parse(args[1:])
			return p, err
		}
	}
	path := strings.TrimSpace("container " + prefix)
	message := fmt.Sprintf("Unexpected argument '%s'", args[0])
	switch {
	case strings.HasPrefix(args[0], "-"):
		message = fmt.Sprintf("Unknown option '%s'", args[0])
	case prefix == "":
		message = fmt.Sprintf("Plugin 'container-%s' not found.", args[0])
	}
	return nil, &usageError{message: message, usage: path + " [--debug] <subcommand>", path: path}
}

// parse follows swift-argument-parser: a value does not look like an option,
// short flags may share a dash, and options may follow arguments, except
// where the arguments are those of another program.
func (c *call) parse(args []string) error {
	table := c.command.table(c.cli)
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			if c.command.passes {
				return c.command.refuse("Unknown option '--'")
			}
			c.args = append(c.args, args...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			c.args = append(c.args, arg)
			if c.command.passes {
				c.args = append(c.args, args...)
				break
			}
			continue
		}
		var err error
		if args, err = c.option(table, arg, args); err != nil {
			return err
		}
	}
	if c.has("help") {
		fmt.Print(c.command.help(c.cli))
		c.command = nil
		return nil
	}
	return c.count()
}

// option takes one word with options, and the word after it if that is the
// option's value. It returns the words that are left. Only flags share a dash,
// and only long options have their value behind an equals sign.
func (c *call) option(table []option, word string, rest []string) ([]string, error) {
	group, attached, equals := strings.Cut(word, "=")
	if equals && !strings.HasPrefix(group, "--") {
		return nil, c.command.refuse("Unknown option '%s'", word)
	}
	names := split(group)
	for _, name := range names {
		o, ok := find(table, name)
		if !ok {
			return nil, c.command.refuse("Unknown option '%s'", name)
		}
		alone := len(names) == 1
		value := "true"
		switch {
		case o.value == "" && equals:
			return nil, c.command.refuse("The option '%s' does not take any value, but '%s' was specified.", name, attached)
		case o.value == "":
		case equals:
			value = attached
		case alone && len(rest) > 0 && (rest[0] == "-" || !strings.HasPrefix(rest[0], "-")):
			value, rest = rest[0], rest[1:]
		default:
			return nil, c.command.refuse("Missing value for '%s'", o)
		}
		c.flags[o.key()] = append(c.flags[o.key()], value)
	}
	return rest, nil
}

// split takes a group of short flags apart.
func split(name string) []string {
	if strings.HasPrefix(name, "--") || len(name) <= 2 {
		return []string{name}
	}
	var names []string
	for _, letter := range name[1:] {
		names = append(names, "-"+string(letter))
	}
	return names
}

func (c *call) count() error {
	least, most := c.command.arity()
	switch {
	case len(c.args) < least:
		return c.command.refuse("Missing expected argument '%s'", strings.ReplaceAll(strings.Fields(c.command.args)[len(c.args)], "...", " ..."))
	case len(c.args) == most+1:
		return c.command.refuse("Unexpected argument '%s'", c.args[most])
	case len(c.args) > most:
		return c.command.refuse("%d unexpected arguments: '%s'", len(c.args)-most, strings.Join(c.args[most:], "', '"))
	}
	return nil
}

func groupHelp(path, prefix string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "OVERVIEW: A container platform for macOS\n\nUSAGE: %s [--debug] <subcommand>\n\nSUBCOMMANDS:\n", path)
	for _, c := range commands() {
		if verb, ok := strings.CutPrefix(c.path, prefix); ok {
			fmt.Fprintf(&b, "  %s\n", verb)
		}
	}
	return b.String()
}
