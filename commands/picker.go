package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// errNonePicked is the person's own "no" to a list: nothing was done.
var errNonePicked = errors.New("nothing was picked")

// option is one of a list to pick from, and what is said of it, in columns of
// which its name is the first.
type option struct {
	name  string
	about []string
}

// pick asks for one of the options. Stdin is a terminal.
func (p *Program) pick(ctx context.Context, question string, options []option) (string, error) {
	out, done := screen()
	defer done()
	width, _ := winsize(out)
	lines := optionLines(options, width-6) // the lists put up to 5 before a line
	if wantsPlain() || !isTerminal(out) {
		return p.pickNumber(ctx, question, options, lines)
	}
	name, err := pickOnScreen(ctx, out, question, options, lines)
	if err == nil {
		p.notify("using %s", name)
	}
	return name, err
}

// screen is where a list is drawn: on stderr, or on the terminal itself if that
// goes elsewhere.
func screen() (out *os.File, done func()) {
	if isTerminal(os.Stderr) {
		return os.Stderr, func() {}
	}
	in, out, err := tea.OpenTTY()
	if err != nil {
		return os.Stderr, func() {}
	}
	return out, func() {
		in.Close()
		out.Close()
	}
}

func optionLines(options []option, width int) []string {
	rows := make([][]string, len(options))
	for i, o := range options {
		rows[i] = append([]string{o.name}, o.about...)
	}
	columns(rows)
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = shorten(strings.Join(row, columnGap), width)
	}
	return lines
}

// pickNumber is the list for a terminal that is not to be drawn on, or is read
// aloud.
func (p *Program) pickNumber(ctx context.Context, question string, options []option, lines []string) (string, error) {
	for i, line := range lines {
		p.warn("%3d  %s", i+1, line) // without it there is nothing to answer
	}
	line, err := p.ask(ctx, fmt.Sprintf("%s (1-%d)? ", question, len(options)))
	switch {
	case err != nil && isInterrupt(ctx), err == nil && line == "":
		return "", errNonePicked
	case err != nil:
		return "", err
	}
	if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(options) {
		return options[n-1].name, nil
	}
	for _, o := range options {
		if o.name == line {
			return o.name, nil
		}
	}
	return "", usage("%q is not in the list", line)
}

// isInterrupt reports whether ctx was ended by Ctrl-C, which at a list is a
// "no". Any other end of it is none.
func isInterrupt(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && strings.HasPrefix(cause.Error(), os.Interrupt.String())
}

func pickOnScreen(ctx context.Context, out *os.File, question string, options []option, lines []string) (string, error) {
	width, height := winsize(out)
	m := newPicker(question, lines)
	m.width, m.height = width, height
	end, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithInput(os.Stdin), tea.WithOutput(out)).Run()
	m, _ = end.(picker)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", err
	case !m.picked:
		return "", errNonePicked
	}
	return options[m.matches[m.at]].name, nil
}
