//go:build linux

package containertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// rendering is how the tool's encoder is set up.
type rendering struct {
	version version
	pretty  bool
}

// render encodes a value as Foundation does.
func (r rendering) render(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return "", err
	}
	var b strings.Builder
	r.write(&b, tree, "")
	return b.String(), nil
}

func (r rendering) write(b *strings.Builder, node any, indent string) {
	switch node := node.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(node))
		if !r.version.atLeast(1, 0, 0) {
			rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		}
		colon := ":"
		if r.pretty {
			colon = " : "
		}
		r.items(b, "{}", len(keys), indent, func(i int) {
			b.WriteString(r.text(keys[i]) + colon)
			r.write(b, node[keys[i]], indent+"  ")
		})
	case []any:
		r.items(b, "[]", len(node), indent, func(i int) { r.write(b, node[i], indent+"  ") })
	case string:
		b.WriteString(r.text(node))
	case nil:
		b.WriteString("null")
	default:
		fmt.Fprint(b, node)
	}
}

func (r rendering) items(b *strings.Builder, brackets string, n int, indent string, item func(int)) {
	b.WriteByte(brackets[0])
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if r.pretty {
			b.WriteString("\n" + indent + "  ")
		}
		item(i)
	}
	if r.pretty {
		if n == 0 {
			b.WriteByte('\n') // an empty one has an empty line
		}
		b.WriteString("\n" + indent)
	}
	b.WriteByte(brackets[1])
}

func (r rendering) text(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string and a buffer cannot fail
	text := strings.TrimSuffix(b.String(), "\n")
	if !r.version.atLeast(1, 4, 1) {
		text = strings.ReplaceAll(text, "/", `\/`)
	}
	return text
}

// print renders to stdout.
func (c *call) print(value any, pretty bool) error {
	text, err := rendering{version: c.cli, pretty: pretty}.render(value)
	if err == nil {
		fmt.Println(text)
	}
	return err
}

// format returns the format that was asked for.
func (c *call) format() (string, error) {
	format := c.last("format")
	switch format {
	case "":
		return "table", nil
	case "json", "table":
		return format, nil
	case "yaml", "toml":
		if format == "toml" && !c.cli.atLeast(1, 0, 0) {
			break
		}
		return "", fmt.Errorf("containertest: --format %s is not faked", format)
	}
	return "", c.command.refuse("The value '%s' is invalid for '--format <format>'", format)
}
