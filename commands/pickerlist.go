package commands

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// picker is a list on the screen: a question, of which the answer is typed
// until the right line is the first, and the lines that match it.
type picker struct {
	question string
	lines    []string
	filter   string
	matches  []int // the lines that match the filter
	at, top  int   // in matches: the one that enter picks, the first that is seen

	picked, done  bool
	width, height int
}

func newPicker(question string, lines []string) picker {
	m := picker{question: question, lines: lines, width: 80, height: 24}
	return m.filtered("")
}

// filtered is the list with the lines in which all words of the filter are. The
// first one is what enter picks.
func (m picker) filtered(filter string) picker {
	m.filter, m.matches, m.at, m.top = filter, nil, 0, 0
	words := strings.Fields(strings.ToLower(filter))
	for i, line := range m.lines {
		line = strings.ToLower(line)
		missing := false
		for _, word := range words {
			missing = missing || !strings.Contains(line, word)
		}
		if !missing {
			m.matches = append(m.matches, i)
		}
	}
	return m
}

// rows is how many lines are seen: besides them are the question and the keys.
func (m picker) rows() int { return max(min(len(m.lines), m.height-3), 1) }

// moved is the list with another line to pick. It stops at both ends.
func (m picker) moved(by int) picker {
	m.at = max(min(m.at+by, len(m.matches)-1), 0)
	m.top = min(max(m.top, m.at-m.rows()+1), m.at)
	return m
}

func (m picker) Init() tea.Cmd { return nil }

func (m picker) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if m.done {
		return m, nil // keys that were typed ahead are no answer
	}
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		return m.moved(0), nil
	case tea.PasteMsg:
		return m.filtered(m.filter + shorten(msg.Content, 40)), nil
	case tea.KeyPressMsg:
		return m.pressed(msg)
	}
	return m, nil
}

func (m picker) pressed(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch msg.String() {
	case "esc", "ctrl+c":
		m.done = true
		return m, tea.Quit
	case "enter":
		if len(m.matches) == 0 {
			return m, nil
		}
		m.picked, m.done = true, true
		return m, tea.Quit
	case "up", "ctrl+p", "shift+tab":
		return m.moved(-1), nil
	case "down", "ctrl+n", "tab":
		return m.moved(1), nil
	case "pgup":
		return m.moved(-m.rows()), nil
	case "pgdown":
		return m.moved(m.rows()), nil
	case "home":
		return m.moved(-len(m.lines)), nil
	case "end":
		return m.moved(len(m.lines)), nil
	case "ctrl+u":
		return m.filtered(""), nil
	case "backspace":
		if m.filter == "" {
			return m, nil
		}
		letters := []rune(m.filter)
		return m.filtered(string(letters[:len(letters)-1])), nil
	}
	if text := msg.Key().Text; text != "" {
		return m.filtered(m.filter + text), nil
	}
	return m, nil
}

func (m picker) View() tea.View {
	if m.done {
		return tea.NewView("") // what was picked is said in a line that stays
	}
	question := ansi.Truncate(m.question+"? "+m.filter, m.width-1, "…")
	shown := []string{paint(bold, question)}
	for i := m.top; i < min(m.top+m.rows(), len(m.matches)); i++ {
		line := ansi.Truncate(m.lines[m.matches[i]], m.width-3, "…")
		if i == m.at {
			shown = append(shown, paint(bold, "> "+line))
		} else {
			shown = append(shown, "  "+line)
		}
	}
	count := fmt.Sprintf("%d of %d", len(m.matches), len(m.lines))
	shown = append(shown, ansi.Truncate(paint(faint, count+"; type to filter, ↑ ↓, enter; esc for none"), m.width-1, "…"))
	view := tea.NewView(strings.Join(shown, "\n"))
	view.Cursor = tea.NewCursor(ansi.StringWidth(question), 0)
	return view
}
