//go:build linux

package containertest

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// argv is a command in either form.
func argv(text string) []string {
	var args []string
	if json.Unmarshal([]byte(text), &args) == nil {
		return args
	}
	return []string{"/bin/sh", "-c", text}
}

func set(values map[string]struct{}, text string) map[string]struct{} {
	if values == nil {
		values = map[string]struct{}{}
	}
	var items []string
	if json.Unmarshal([]byte(text), &items) != nil {
		items = strings.Fields(text)
	}
	for _, item := range items {
		values[item] = struct{}{}
	}
	return values
}

func (b *builder) expand(text string) string {
	return os.Expand(text, func(key string) string {
		for _, entry := range b.image.Config.Env {
			if k, v, _ := strings.Cut(entry, "="); k == key {
				return v
			}
		}
		return b.args[key]
	})
}

// pairs reads key=value ..., or one key and the rest of the line.
func (b *builder) pairs(text string) ([][2]string, error) {
	first, rest, _ := strings.Cut(text, " ")
	if !strings.Contains(first, "=") {
		return [][2]string{{first, b.expand(unquote(strings.TrimSpace(rest)))}}, nil
	}
	var pairs [][2]string
	for _, w := range words(text) {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fmt.Errorf("syntax error: %s must have the form name=value", w)
		}
		if literal, single := strings.CutPrefix(value, "'"); single {
			value = strings.TrimSuffix(literal, "'")
		} else {
			value = b.expand(unquote(value))
		}
		pairs = append(pairs, [2]string{unquote(key), value})
	}
	return pairs, nil
}

// words splits at spaces that are not in quotes.
func words(text string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	for _, r := range text + " " {
		switch {
		case quote == 0 && r == ' ':
			if word.Len() > 0 {
				all = append(all, word.String())
			}
			word.Reset()
			continue
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		}
		word.WriteRune(r)
	}
	return all
}

func unquote(text string) string {
	if s, err := strconv.Unquote(text); err == nil {
		return s
	}
	return text
}
