package commands

import (
	"os"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/moby/term"
)

const columnGap = "   "

// columns pads the cells of rows to the widths that they have on a terminal,
// where a letter can take two places, or none. The last of a row is as it is.
func columns(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	for _, row := range rows {
		for i := range len(row) - 1 {
			row[i] += strings.Repeat(" ", widths[i]-ansi.StringWidth(row[i]))
		}
	}
}

// fit shortens the cells of a column so that rows are no wider than a terminal,
// unless that would leave next to nothing of them.
func fit(rows [][]string, column, width int) {
	const least = 16
	rest, have := 0, 0
	for i := range rows[0] {
		widest := 0
		for _, row := range rows {
			widest = max(widest, ansi.StringWidth(row[i]))
		}
		if i == column {
			have = widest
		} else {
			rest += widest + len(columnGap)
		}
	}
	if have <= width-rest {
		return
	}
	for _, row := range rows {
		row[column] = shorten(row[column], max(width-rest, least))
	}
}

// shorten cuts text to a width, and to its first line.
func shorten(text string, width int) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += "…"
	}
	return ansi.Truncate(plain(line), width, "…")
}

// plain is text that leaves the cursor, and what is beside it, where it should be.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, ansi.Strip(text))
}

// Colours are those of the terminal's own palette.
const (
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
)

func paint(code, text string) string {
	if code == "" {
		return text
	}
	return code + text + "\x1b[0m"
}

// wantsPlain reports whether the person wants neither colour nor a screen that is
// drawn over, or has a terminal that has neither.
func wantsPlain() bool {
	return os.Getenv("NO_COLOR") != "" || os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb"
}

// winsize is that of a terminal, or the usual one where it does not say.
func winsize(f *os.File) (width, height int) {
	if s, err := term.GetWinsize(f.Fd()); err == nil && s.Width > 0 && s.Height > 0 {
		return int(s.Width), int(s.Height)
	}
	return 80, 24
}
