//go:build linux

package smolvmtest

import (
	"fmt"
	"slices"
	"strings"
)

// command is one command and everything that it takes.
type command struct {
	path    string // without the program: machine start
	aliases []string
	about   string
	// options has a line for each option: its names, the name of its value if
	// it takes one, "..." if it may be repeated, the first version that has it,
	// and "hidden" if help does not show it.
	options string
	// command is what may follow "--": <COMMAND>... is required, with brackets
	// it is not. A word before "--" is never part of it.
	command string
	// late commands fail, when they are told to, where they have done something.
	late bool
	run  func(*call) error
}

// named reports whether name means the command: all of its path, or the verb
// of a machine.
func (c *command) named(name string) bool {
	return name == c.path || "machine "+name == c.path
}

// option is one line of a command's table.
type option struct {
	names    []string
	value    string
	repeated bool
	since    string
	hidden   bool
}

// key is the option's long name.
func (o option) key() string {
	i := slices.IndexFunc(o.names, func(name string) bool { return strings.HasPrefix(name, "--") })
	return o.names[i][2:]
}

// String is how the parser speaks of the option.
func (o option) String() string {
	if o.value == "" {
		return "--" + o.key()
	}
	return "--" + o.key() + " " + o.value
}

// table returns the options that the command has at version v.
func (c *command) table(v version) []option {
	var options []option
	for line := range strings.Lines(c.options + "\n-h --help") {
		var o option
		for _, word := range strings.Fields(line) {
			switch {
			case strings.HasPrefix(word, "-"):
				o.names = append(o.names, word)
			case strings.HasPrefix(word, "<"):
				o.value = word
			case word == "...":
				o.repeated = true
			case word == "hidden":
				o.hidden = true
			default:
				o.since = word
			}
		}
		if len(o.names) > 0 && o.known(v) {
			options = append(options, o)
		}
	}
	return options
}

func (o option) known(v version) bool {
	if o.since == "" {
		return true
	}
	var since version
	if _, err := fmt.Sscanf(o.since, "%d.%d.%d", &since[0], &since[1], &since[2]); err != nil {
		panic(fmt.Sprintf("%s: %v", o, err))
	}
	return v.atLeast(since[0], since[1], since[2])
}

func find(options []option, name string) (option, bool) {
	i := slices.IndexFunc(options, func(o option) bool { return slices.Contains(o.names, name) })
	if i < 0 {
		return option{}, false
	}
	return options[i], true
}

func (c *command) usage() string {
	usage := "smolvm " + c.path + " [OPTIONS]"
	switch {
	case strings.HasPrefix(c.command, "["):
		usage += " [-- " + c.command[1:len(c.command)-1] + "]"
	case c.command != "":
		usage += " -- " + c.command
	}
	return usage
}

func (c *command) refuse(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), usage: c.usage()}
}

// help is printed for --help.
func (c *command) help(v version) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: %s\n\nOptions:\n", c.about, c.usage())
	for _, o := range c.table(v) {
		if !o.hidden {
			fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(strings.Join(o.names, ", ")+" "+o.value))
		}
	}
	return b.String()
}
