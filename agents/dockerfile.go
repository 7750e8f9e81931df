package agents

import (
	"bytes"
	"os"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// ReadDockerfile returns the agent's Dockerfile.
func (a Agent) ReadDockerfile() ([]byte, error) {
	if a.Builtin {
		return builtin.ReadFile(path.Join(a.embedded, "Dockerfile"))
	}
	return os.ReadFile(a.Dockerfile)
}

// Labels returns the labels that a Dockerfile gives its image, as far as it
// alone can tell: not those of the image that it begins FROM, nor what comes
// from variables.
func Labels(dockerfile []byte) (map[string]string, error) {
	tree, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return nil, err
	}
	byStage := map[string]map[string]string{}
	labels := map[string]string{}
	for _, stage := range stages {
		labels = map[string]string{}
		for key, value := range byStage[strings.ToLower(stage.BaseName)] {
			labels[key] = value
		}
		byStage[strings.ToLower(stage.Name)] = labels
		if err := addLabels(labels, stage, shell.NewLex(tree.EscapeToken)); err != nil {
			return nil, err
		}
	}
	return labels, nil
}

func addLabels(labels map[string]string, stage instructions.Stage, lex *shell.Lex) error {
	expand := func(word string) (string, error) {
		result, _, err := lex.ProcessWord(word, shell.EnvsFromSlice(nil))
		return result, err
	}
	for _, command := range stage.Commands {
		label, ok := command.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		if err := label.Expand(expand); err != nil {
			return err
		}
		for _, pair := range label.Labels {
			labels[pair.Key] = pair.Value
		}
	}
	return nil
}
