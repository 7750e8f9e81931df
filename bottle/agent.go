package bottle

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// The labels in which an image says what is to be known of its agent.
const (
	// SecretsLabel has the names of variables that the agent can use, with
	// spaces or commas between them.
	SecretsLabel = backends.AgentLabel + "secrets"
	// ContinueLabel is [backends.ContinueLabel].
	ContinueLabel = backends.ContinueLabel
	// MissingLabel is what to say to a person who has none of the variables.
	MissingLabel = backends.AgentLabel + "missing"
)

// About is what an image says of its agent.
type About struct {
	Secrets           []string
	Continue, Missing string
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// IsVariable reports whether a variable can have that name.
func IsVariable(name string) bool { return variableName.MatchString(name) }

// ReadLabels returns what the labels of an image say. What makes no sense is
// left out, and told.
func ReadLabels(labels map[string]string, notify Notify) (about About) {
	separator := func(r rune) bool { return r == ',' || unicode.IsSpace(r) }
	for _, name := range strings.FieldsFunc(labels[SecretsLabel], separator) {
		switch {
		case !IsVariable(name):
			notify.Say("label %s: %q is not the name of a variable; ignored", SecretsLabel, name)
		case !slices.Contains(about.Secrets, name):
			about.Secrets = append(about.Secrets, name)
		}
	}
	about.Continue = strings.TrimSpace(labels[ContinueLabel])
	about.Missing = strings.TrimSpace(labels[MissingLabel])
	if strings.ContainsFunc(about.Missing, unicode.IsControl) {
		notify.Say("label %s: it is not one line of text; ignored", MissingLabel)
		about.Missing = ""
	}
	return about
}

// takeAgent adds to the record of a new bottle what its image says of the
// agent. The command to go on with is that of the image's own command. The
// variables are those of an agent that the person has named: an image from
// elsewhere is only said to ask for them.
func takeAgent(b *bottlestate.Bottle, about About, notify Notify) {
	if b.Command == nil {
		b.Continue = about.Continue
	}
	given := func(name string) bool { return named(*b, name) }
	switch {
	case len(about.Secrets) == 0:
	case b.Image == "":
		b.AgentSecrets = about.Secrets
		if len(Handed(*b)) == 0 && !slices.ContainsFunc(about.Secrets, given) && about.Missing != "" {
			notify.Say("%s", about.Missing)
		}
	case !slices.ContainsFunc(about.Secrets, given):
		names := slices.DeleteFunc(slices.Clone(about.Secrets), func(name string) bool { return os.Getenv(name) == "" })
		if len(names) == 0 {
			names = about.Secrets
		}
		notify.Say("the image asks for %s: hand it over with --secret %s", strings.Join(names, ", "), strings.Join(names, " --secret "))
	}
}

// Handed returns the names of the variables that the bottle's agent gets from
// this process's environment because its image asks for them. What is given
// with -e or --secret goes before that.
func Handed(b bottlestate.Bottle) []string {
	var names []string
	for _, name := range b.AgentSecrets {
		if os.Getenv(name) != "" && !named(b, name) {
			names = append(names, name)
		}
	}
	return names
}

// named reports whether the variable is one of -e or --secret.
func named(b bottlestate.Bottle, name string) bool {
	return slices.Contains(b.Secrets, name) ||
		slices.ContainsFunc(b.Env, func(v string) bool { key, _, _ := strings.Cut(v, "="); return key == name })
}
