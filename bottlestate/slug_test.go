package bottlestate_test

import (
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// A slug is a name that every engine takes, and that is no path: all else is
// refused, in one line that shows what was given and says what is valid.
func TestParseSlug(t *testing.T) {
	for _, tt := range []struct {
		in    string
		valid bool
	}{
		{"web", true},
		{"a1", true},
		{"01", true},
		{"claude-x7k2p", true},
		{"a-b-c", true},
		{strings.Repeat("a", 40), true},
		{"", false},
		{"a", false},
		{strings.Repeat("a", 41), false},
		{"a--b", false},
		{"-ab", false},
		{"ab-", false},
		{"-", false},
		{"--", false},
		{"Web", false},
		{"../x", false},
		{"..", false},
		{"a/b", false},
		{"a.b", false},
		{"a_b", false},
		{"a b", false},
		{"web\n", false},
		{"wéb", false},
		{"ｗｅｂ", false},
		{"٣٣", false},
		{"web\x00", false},
	} {
		slug, err := bottlestate.ParseSlug(tt.in)
		switch {
		case tt.valid && (err != nil || string(slug) != tt.in):
			t.Errorf("ParseSlug(%q) = %q, %v; want it as it is", tt.in, slug, err)
		case !tt.valid && (err == nil || slug != ""):
			t.Errorf("ParseSlug(%q) = %q, %v; want an error", tt.in, slug, err)
		case !tt.valid && strings.Contains(err.Error(), "\n"):
			t.Errorf("ParseSlug(%q): more than one line: %v", tt.in, err)
		}
	}
}

// A bottle that nobody named gets a valid slug, whatever its agent is called,
// and two never get the same.
func TestRandomSlug(t *testing.T) {
	for _, tt := range []struct{ prefix, begin string }{
		{"claude", "claude-"},
		{"a", "a-"},
		{strings.Repeat("a", 34), strings.Repeat("a", 34) + "-"},
		{strings.Repeat("a", 35), strings.Repeat("a", 34) + "-"},
		{strings.Repeat("a", 400), strings.Repeat("a", 34) + "-"},
		{strings.Repeat("a", 33) + "-tail", strings.Repeat("a", 33) + "-"}, // cut right after the dash
	} {
		one, err := bottlestate.RandomSlug(tt.prefix)
		if err != nil {
			t.Errorf("RandomSlug(%q): %v", tt.prefix, err)
			continue
		}
		if random, ok := strings.CutPrefix(string(one), tt.begin); !ok || len(random) != 5 || strings.Contains(random, "-") {
			t.Errorf("RandomSlug(%q) = %q, want %q and five characters", tt.prefix, one, tt.begin)
		}
		if _, err := bottlestate.ParseSlug(string(one)); err != nil {
			t.Errorf("RandomSlug(%q): %v", tt.prefix, err)
		}
		if two, err := bottlestate.RandomSlug(tt.prefix); one == two || err != nil {
			t.Errorf("RandomSlug(%q) = %q, %v after %q", tt.prefix, two, err, one)
		}
	}
}
