package commands

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// press types keys into a list, and returns what is seen then.
func press(m picker, keys ...string) (picker, string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{}
		switch k {
		case "up":
			msg.Code = tea.KeyUp
		case "down":
			msg.Code = tea.KeyDown
		case "pgdown":
			msg.Code = tea.KeyPgDown
		case "end":
			msg.Code = tea.KeyEnd
		case "backspace":
			msg.Code = tea.KeyBackspace
		case "enter":
			msg.Code = tea.KeyEnter
		case "esc":
			msg.Code = tea.KeyEscape
		default:
			msg.Code, msg.Text = []rune(k)[0], k
		}
		next, _ := m.Update(msg)
		m = next.(picker)
	}
	return m, m.View().Content
}

// A list that is longer than the terminal scrolls with the line that enter
// picks; the filter shows its matches from the first, wherever the list was.
func TestPicker(t *testing.T) {
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("bottle-%03d   running   Step %d", i, i))
	}
	list := newPicker("which", lines)
	list.width, list.height = 60, 10
	for _, tt := range []struct {
		keys     string
		picks    int // -1 is none
		rows     int
		contains string
	}{
		{"", 0, 7, "200 of 200"},
		{"up", 0, 7, "> bottle-000"},
		{"down down", 2, 7, "  bottle-000"},
		{"pgdown", 7, 7, "  bottle-001"},
		{"end", 199, 7, "  bottle-193"},
		{"end down", 199, 7, "> bottle-199"},
		{"end 1 3", 13, 7, "  bottle-134"},
		{"1 3 end up", 138, 7, "12 of 200"},
		{"s t e p", 0, 7, "200 of 200"},
		{"s t e p 7 3", -1, 0, "0 of 200"}, // one word, which no line has
		{"7 3 space s t e p", 73, 2, "2 of 200"},
		{"z z enter", -1, 0, "which? zz"},
		{"z backspace backspace down", 1, 7, "which? "},
		{"down enter z z", 1, 0, ""}, // typed ahead
	} {
		keys := strings.Fields(tt.keys)
		for i := range keys {
			keys[i] = strings.ReplaceAll(keys[i], "space", " ")
			if keys[i] == "back " {
				keys[i] = "backspace"
			}
		}
		m, seen := press(list, keys...)
		if !strings.Contains(seen, tt.contains) {
			t.Errorf("after %q %q is not in\n%s", tt.keys, tt.contains, seen)
		}
		if rows := strings.Count(seen, "  bottle-") + strings.Count(seen, "> bottle-"); rows != tt.rows {
			t.Errorf("after %q %d rows are seen, want %d:\n%s", tt.keys, rows, tt.rows, seen)
		}
		m, _ = press(m, "enter")
		if m.picked != (tt.picks >= 0) || m.picked && m.matches[m.at] != tt.picks {
			t.Errorf("after %q enter picks %v %v, want %d", tt.keys, m.picked, m.matches, tt.picks)
		}
	}
	m, seen := press(list, "down", "esc", "enter")
	if m.picked || !m.done || seen != "" {
		t.Errorf("after esc: %+v\n%s", m, seen)
	}
}
