package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// watchEvery is the time from one list to the next.
const watchEvery = 2 * time.Second

// watchLs shows the list on the whole terminal until the person has seen
// enough, which is no failure.
func (p *Program) watchLs(ctx context.Context, o *lsOptions) error {
	if !isTerminal(os.Stdin) || !isTerminal(os.Stdout) {
		return usage("--watch needs a terminal; for a program: %s ls --format json", p.Invocation)
	}
	read := func() string {
		var out bytes.Buffer
		var notes strings.Builder
		say := func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }
		if err := p.list(ctx, o, &out, true, say); err != nil {
			say("%v", p.hint(err))
		}
		return out.String() + notes.String()
	}
	w := watch{read: read, text: read(), at: time.Now()}
	_, err := tea.NewProgram(w, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithInput(os.Stdin), tea.WithOutput(os.Stdout)).Run()
	switch {
	case isInterrupt(ctx): // one that was sent, not typed
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// watch is a text that is read again and again, cut to the terminal.
type watch struct {
	read          func() string
	text          string
	at            time.Time
	width, height int
}

type reading struct {
	text string
	at   time.Time
}

// next waits after each reading, so that a slow engine is asked less often.
func (w watch) next() tea.Msg {
	time.Sleep(watchEvery)
	return reading{w.read(), time.Now()}
}

func (w watch) Init() tea.Cmd { return w.next }

func (w watch) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case reading:
		w.text, w.at = msg.text, msg.at
		return w, w.next
	case tea.WindowSizeMsg:
		w.width, w.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return w, tea.Quit
		}
	}
	return w, nil
}

func (w watch) View() tea.View {
	lines := strings.Split(strings.TrimRight(w.text, "\n"), "\n")
	foot := w.at.Format(time.TimeOnly) + ", q to leave"
	if room := w.height - 2; room > 0 && len(lines) > room {
		foot = fmt.Sprintf("%d more, %s", len(lines)-room, foot)
		lines = lines[:room]
	}
	lines = append(lines, "", foot)
	if w.width > 0 {
		for i := range lines {
			lines[i] = ansi.Truncate(lines[i], w.width, "…")
		}
	}
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen = true
	return view
}
