//go:build linux

package containertest

import (
	"fmt"
	"slices"
	"strings"
)

// command is one command and everything that it takes.
type command struct {
	path    string // without the program: image load
	aliases []string
	about   string
	// options has a line for each option: its names, the name of its value
	// if it takes one, and the first version that has it.
	options string
	// args are the positional arguments: <one> [<optional>] [<many>...].
	args string
	// passes is set where everything after the first argument belongs to the
	// program that is to run, even if it looks like an option.
	passes bool
	// offline commands work without the service. Of the others, those that
	// read the configuration fail with another text than those that list.
	offline, configured bool
	run                 func(*call) error
}

// named reports whether name means the command, with its group or, where no
// other command ends in the word, without.
func (c *command) named(name string) bool {
	group, verb, grouped := strings.Cut(c.path, " ")
	if name == c.path {
		return true
	}
	return grouped && group == "image" && (verb == "load" || verb == "save" || verb == "tag") && name == verb
}

// option is one line of a command's table.
type option struct {
	names []string
	value string
	since string
}

// key is the option's first long name.
func (o option) key() string {
	for _, name := range o.names {
		if long, ok := strings.CutPrefix(name, "--"); ok {
			return long
		}
	}
	return o.names[0][1:]
}

// String is how the parser speaks of the option.
func (o option) String() string {
	if o.value == "" {
		return strings.Join(o.names, ", ")
	}
	return strings.Join(o.names, ", ") + " " + o.value
}

// common is what every command takes.
const common = `
--debug
-h --help`

// table returns the options that the command has at version v.
func (c *command) table(v version) []option {
	var options []option
	for line := range strings.Lines(c.options + common) {
		var o option
		for _, word := range strings.Fields(line) {
			switch {
			case strings.HasPrefix(word, "-"):
				o.names = append(o.names, word)
			case strings.HasPrefix(word, "<"):
				o.value = word
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

// arity returns how many arguments the command takes at least and at most.
func (c *command) arity() (least, most int) {
	for _, arg := range strings.Fields(c.args) {
		if !strings.HasPrefix(arg, "[") {
			least++
		}
		most++
		if strings.Contains(arg, "...") {
			most = 1 << 30
		}
	}
	return least, most
}

func (c *command) usage() string {
	return strings.TrimRight("container "+c.path+" [<options>] "+strings.ReplaceAll(c.args, "...", " ..."), " ")
}

func (c *command) refuse(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), usage: c.usage(), path: "container " + c.path}
}

// help is printed for --help.
func (c *command) help(v version) string {
	var b strings.Builder
	fmt.Fprintf(&b, "OVERVIEW: %s\n\nUSAGE: %s\n\nOPTIONS:\n", c.about, c.usage())
	for _, o := range c.table(v) {
		fmt.Fprintf(&b, "  %s\n", o)
	}
	return b.String()
}
