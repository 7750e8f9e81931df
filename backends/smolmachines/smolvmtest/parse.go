//go:build linux

package smolvmtest

import (
	"fmt"
	"slices"
	"strings"
)

// groups are the nouns that have commands of their own, and what the real tool
// has there besides.
var groups = map[string]struct {
	name    string
	unfaked []string
}{
	"machine": {"machine", []string{"cp", "egress-events", "fork", "fork-release", "images", "monitor", "network-test", "prune", "resize", "run", "shell", "sh"}},
	"pack":    {"pack", []string{"push", "pull", "inspect"}},
}

// parse finds the command and takes its arguments apart. There is no call if
// there is nothing left to do.
func parse(args []string, s settings) (*call, error) {
	if len(args) == 0 {
		fmt.Print(groupHelp("smolvm", "", s.version))
		return nil, exitStatus(2)
	}
	switch args[0] {
	case "--help", "-h":
		fmt.Print(groupHelp("smolvm", "", s.version))
		return nil, nil
	case "--version", "-V":
		fmt.Printf("smolvm %s\n", s.version)
		return nil, nil
	case "serve", "config":
		return nil, unfaked(args[0])
	case "vm":
		args[0] = "machine"
	}
	group, ok := groups[args[0]]
	if !ok {
		return nil, unexpected("smolvm", args[0])
	}
	path := "smolvm " + group.name
	if args = args[1:]; len(args) == 0 {
		fmt.Print(groupHelp(path, group.name+" ", s.version))
		return nil, exitStatus(2)
	}
	if args[0] == "--help" || args[0] == "-h" {
		fmt.Print(groupHelp(path, group.name+" ", s.version))
		return nil, nil
	}
	for _, c := range commands() {
		verb, ok := strings.CutPrefix(c.path, group.name+" ")
		if ok && (verb == args[0] || slices.Contains(c.aliases, args[0])) {
			p := &call{settings: s, command: c, flags: map[string][]string{}, argv: args[1:]}
			helped, err := p.parse(args[1:])
			if helped {
				return nil, err
			}
			return p, err
		}
	}
	if slices.Contains(slices.Concat(group.unfaked, later(group.name+" ", s.version)), args[0]) {
		return nil, unfaked(group.name + " " + args[0])
	}
	return nil, unexpected(path, args[0])
}

func unexpected(path, word string) error {
	message := fmt.Sprintf("unrecognized subcommand '%s'", word)
	if strings.HasPrefix(word, "-") {
		message = fmt.Sprintf("unexpected argument '%s' found", word)
	}
	return &usageError{message: message, usage: path + " <COMMAND>"}
}

// parse follows clap: a value does not look like an option, short flags may
// share a dash, and a word that belongs to no option is refused before "--".
func (c *call) parse(args []string) (helped bool, err error) {
	table := c.command.table(c.version)
	dashes := false
	for len(args) > 0 && !dashes {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			dashes, c.args, args = true, args, nil
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			return false, c.command.refuse("unexpected argument '%s' found", arg)
		case strings.HasPrefix(arg, "--"):
			args, err = c.long(table, arg, args)
		default:
			args, err = c.short(table, arg, args)
		}
		if err != nil {
			return false, err
		}
		if c.has("help") {
			fmt.Print(c.command.help(c.version))
			return true, nil
		}
	}
	return false, c.count()
}

func (c *call) long(table []option, word string, rest []string) ([]string, error) {
	name, value, attached := strings.Cut(word, "=")
	o, ok := find(table, name)
	switch {
	case !ok:
		return nil, c.command.refuse("unexpected argument '%s' found", name)
	case o.value == "" && attached:
		return nil, c.command.refuse("unexpected value '%s' for '%s' found; no more were expected", value, o)
	}
	return c.take(o, value, attached, rest)
}

// short takes one word of short options: flags may be followed by more, and an
// option by its value.
func (c *call) short(table []option, word string, rest []string) ([]string, error) {
	for letters := word[1:]; letters != ""; {
		o, ok := find(table, "-"+letters[:1])
		if !ok {
			return nil, c.command.refuse("unexpected argument '-%s' found", letters[:1])
		}
		letters = letters[1:]
		value, attached := "", false
		if o.value != "" && letters != "" {
			value, attached = strings.TrimPrefix(letters, "="), true
			letters = ""
		}
		var err error
		if rest, err = c.take(o, value, attached, rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (c *call) take(o option, value string, attached bool, rest []string) ([]string, error) {
	switch {
	case c.has(o.key()) && !o.repeated:
		return nil, c.command.refuse("the argument '%s' cannot be used multiple times", o)
	case o.value == "":
		value = "true"
	case attached:
	case len(rest) > 0 && (rest[0] == "-" || !strings.HasPrefix(rest[0], "-")):
		value, rest = rest[0], rest[1:]
	default:
		return nil, c.command.refuse("a value is required for '%s' but none was supplied", o)
	}
	c.flags[o.key()] = append(c.flags[o.key()], value)
	return rest, nil
}

func (c *call) count() error {
	switch {
	case c.command.command == "" && len(c.args) > 0:
		return c.command.refuse("unexpected argument '%s' found", c.args[0])
	case strings.HasPrefix(c.command.command, "<") && len(c.args) == 0:
		return c.missing(c.command.command)
	}
	return nil
}

func (c *call) missing(what string) error {
	return c.command.refuse("the following required arguments were not provided:\n  %s", what)
}

// conflict refuses two options that exclude each other.
func (c *call) conflict(one string, others ...string) error {
	table := c.command.table(c.version)
	for _, other := range others {
		if c.has(one) && c.has(other) {
			a, _ := find(table, "--"+one)
			b, _ := find(table, "--"+other)
			return c.command.refuse("the argument '%s' cannot be used with '%s'", a, b)
		}
	}
	return nil
}

// invalid is a value that the parser does not take.
func (c *call) invalid(flag, why string) error {
	o, _ := find(c.command.table(c.version), "--"+flag)
	return c.command.refuse("invalid value '%s' for '%s': %s", c.value(flag), o, why)
}

func groupHelp(path, prefix string, v version) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s <COMMAND>\n\nCommands:\n", path)
	if prefix == "" {
		b.WriteString("  machine\n  serve\n  pack\n  config\n")
		return b.String()
	}
	for _, c := range commands() {
		if verb, ok := strings.CutPrefix(c.path, prefix); ok {
			fmt.Fprintf(&b, "  %s\n", verb)
		}
	}
	for _, verb := range later(prefix, v) {
		fmt.Fprintf(&b, "  %s\n", verb)
	}
	return b.String()
}

// later are the commands that newer versions list besides.
func later(prefix string, v version) []string {
	var verbs []string
	if prefix == "machine " && v.atLeast(1, 13, 1) {
		verbs = append(verbs, "checkpoint")
	}
	if prefix == "machine " && v.atLeast(1, 14, 0) {
		verbs = append(verbs, "branch")
	}
	if prefix == "machine " && v.atLeast(1, 22, 0) { // known of 1.18.2; older ones may have them
		verbs = append(verbs, "pause", "resume")
	}
	return verbs
}
