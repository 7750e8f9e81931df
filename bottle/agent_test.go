package bottle_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottle"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func TestReadLabels(t *testing.T) {
	const prefix = "io.github.docker-bottle.agent."
	for _, tt := range []struct {
		labels map[string]string
		want   bottle.About
		said   []string
	}{
		{nil, bottle.About{}, nil},
		{map[string]string{"secrets": "A_KEY", "kind": "agent"}, bottle.About{}, nil},
		{map[string]string{prefix + "secrets": "  "}, bottle.About{}, nil},
		{
			map[string]string{prefix + "secrets": "A_KEY, b2 _C,,A_KEY\tD\n", prefix + "continue": " agent --continue", prefix + "missing": "no A_KEY: log in"},
			bottle.About{Secrets: []string{"A_KEY", "b2", "_C", "D"}, Continue: "agent --continue", Missing: "no A_KEY: log in"}, nil,
		},
		{
			map[string]string{prefix + "secrets": "2A A-B A=1 OK ümlaut $X"},
			bottle.About{Secrets: []string{"OK"}},
			[]string{
				`label io.github.docker-bottle.agent.secrets: "2A" is not the name of a variable; ignored`,
				`label io.github.docker-bottle.agent.secrets: "A-B" is not the name of a variable; ignored`,
				`label io.github.docker-bottle.agent.secrets: "A=1" is not the name of a variable; ignored`,
				`label io.github.docker-bottle.agent.secrets: "ümlaut" is not the name of a variable; ignored`,
				`label io.github.docker-bottle.agent.secrets: "$X" is not the name of a variable; ignored`,
			},
		},
		{
			map[string]string{prefix + "missing": "no key\x1b[2J"}, bottle.About{},
			[]string{`label io.github.docker-bottle.agent.missing: it is not one line of text; ignored`},
		},
		{
			map[string]string{prefix + "missing": "two\nlines"}, bottle.About{},
			[]string{`label io.github.docker-bottle.agent.missing: it is not one line of text; ignored`},
		},
	} {
		var said []string
		got := bottle.ReadLabels(tt.labels, func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
		if !reflect.DeepEqual(got, tt.want) || !slices.Equal(said, tt.said) {
			t.Errorf("%q: got %+v and %q, want %+v and %q", tt.labels, got, said, tt.want, tt.said)
		}
	}
}

// labelled is an engine whose images say something of their agent.
type labelled struct {
	*engine
	labels map[string]string
}

func (e *labelled) Build(ctx context.Context, b bottlestate.Bottle, src backends.Source, log io.Writer) (backends.Image, error) {
	image, err := e.engine.Build(ctx, b, src, log)
	image.Labels = e.labels
	return image, err
}

// What the image says of its agent gets into the record: names, and the command
// to go on with if it is the image's command that runs. An image that is not
// built for this bottle is only said to ask for variables.
func TestStartLabels(t *testing.T) {
	const missing = "no key: log in"
	t.Setenv("BOTTLE_TEST_A", "")
	for _, tt := range []struct {
		name         string
		change       func(*bottlestate.Bottle)
		set          bool // whether the second variable is
		secrets      []string
		handed       []string
		continuation string
		said         []string
	}{
		{
			"set", func(*bottlestate.Bottle) {}, true,
			[]string{"BOTTLE_TEST_A", "BOTTLE_TEST_B"}, []string{"BOTTLE_TEST_B"}, "agent -c", nil,
		},
		{
			"unset", func(*bottlestate.Bottle) {}, false,
			[]string{"BOTTLE_TEST_A", "BOTTLE_TEST_B"}, nil, "agent -c", []string{missing},
		},
		{
			"own command", func(b *bottlestate.Bottle) { b.Command = []string{"sh"} }, true,
			[]string{"BOTTLE_TEST_A", "BOTTLE_TEST_B"}, []string{"BOTTLE_TEST_B"}, "", nil,
		},
		{
			"given with -e", func(b *bottlestate.Bottle) { b.Env = []string{"BOTTLE_TEST_B=other"} }, true,
			[]string{"BOTTLE_TEST_A", "BOTTLE_TEST_B"}, nil, "agent -c", nil,
		},
		{
			"given with --secret", func(b *bottlestate.Bottle) { b.Secrets = []string{"BOTTLE_TEST_B"} }, true,
			[]string{"BOTTLE_TEST_A", "BOTTLE_TEST_B"}, nil, "agent -c", nil,
		},
		{
			"image", func(b *bottlestate.Bottle) { b.Image = "built" }, true, nil, nil, "agent -c",
			[]string{"the image asks for BOTTLE_TEST_B: hand it over with --secret BOTTLE_TEST_B"},
		},
		{
			"image, unset", func(b *bottlestate.Bottle) { b.Image = "built" }, false, nil, nil, "agent -c",
			[]string{"the image asks for BOTTLE_TEST_A, BOTTLE_TEST_B: hand it over with --secret BOTTLE_TEST_A --secret BOTTLE_TEST_B"},
		},
		{
			"image, given", func(b *bottlestate.Bottle) { b.Image, b.Secrets = "built", []string{"BOTTLE_TEST_B"} }, true,
			nil, nil, "agent -c", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("BOTTLE_TEST_B", map[bool]string{true: "v"}[tt.set])
			w := newWorld(t)
			w.images["built"] = "fresh"
			be := &labelled{w.engine, map[string]string{
				bottle.SecretsLabel: "BOTTLE_TEST_A BOTTLE_TEST_B", bottle.ContinueLabel: "agent -c", bottle.MissingLabel: missing,
			}}
			b := web
			tt.change(&b)
			var said []string
			notify := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			if _, err := bottle.Start(t.Context(), be, w.store, b, open, &w.log, notify); err != nil {
				t.Fatal(err)
			}
			got, err := w.store.Bottle("web")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.AgentSecrets, tt.secrets) || got.Continue != tt.continuation || !slices.Equal(said, tt.said) {
				t.Errorf("recorded %q and %q, said %q; want %q, %q, %q", got.AgentSecrets, got.Continue, said, tt.secrets, tt.continuation, tt.said)
			}
			if handed := bottle.Handed(got); !slices.Equal(handed, tt.handed) {
				t.Errorf("handed %q, want %q", handed, tt.handed)
			}
		})
	}
}
