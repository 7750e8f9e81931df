// Package agents finds the Dockerfile of an agent by the agent's name.
package agents

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed all:claude all:codex all:crush all:gemini all:opencode all:shell
var builtin embed.FS

// Agent is a directory with a Dockerfile.
type Agent struct {
	// Name is fit to begin a bottle's name with.
	Name string
	// Dir and Dockerfile are absolute paths, and empty for a built-in agent.
	Dir, Dockerfile string
	Builtin         bool

	embedded string
}

// Builtin returns the names of the built-in agents.
func Builtin() []string {
	entries, err := builtin.ReadDir(".")
	if err != nil {
		panic(err) // it is part of the program
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Resolve finds the agent that name means: the directory, if name is a path;
// otherwise one of the user's own in configDir/agents, or a built-in one.
func Resolve(name, configDir string) (Agent, error) {
	if strings.ContainsRune(name, filepath.Separator) || strings.Contains(name, "/") || name == "." || name == ".." {
		return fromDir(name)
	}
	own := filepath.Join(ownDir(configDir), name)
	if _, err := os.Lstat(own); err == nil {
		return fromDir(own)
	}
	for _, b := range Builtin() {
		if b == name {
			return Agent{Name: slug(name), Builtin: true, embedded: name}, nil
		}
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return Agent{}, fmt.Errorf("no agent %s: for the directory, use ./%s", name, name)
	}
	return Agent{}, fmt.Errorf("no agent %s: have %s (built in, or in %s)", name, strings.Join(Names(configDir), ", "), ownDir(configDir))
}

// ownDir is where the user's own agents are.
func ownDir(configDir string) string { return filepath.Join(configDir, "agents") }

func fromDir(dir string) (Agent, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Agent{}, err
	}
	dockerfile := filepath.Join(dir, "Dockerfile")
	if _, err := os.Stat(dir); err != nil {
		return Agent{}, fmt.Errorf("agent: %w", err)
	}
	if _, err := os.Stat(dockerfile); err != nil {
		return Agent{}, fmt.Errorf("agent: %w", err)
	}
	return Agent{Name: slug(filepath.Base(dir)), Dir: dir, Dockerfile: dockerfile}, nil
}

// Open returns a directory with the agent's files. The cleanup is called when
// they are no longer needed; a built-in agent's are a temporary copy.
func (a Agent) Open() (dir string, cleanup func(), err error) {
	if !a.Builtin {
		return a.Dir, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "docker-bottle-agent-")
	if err != nil {
		return "", nil, err
	}
	cleanup = func() { _ = os.RemoveAll(dir) }
	files, err := fs.Sub(builtin, a.embedded)
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		cleanup()
		return "", nil, err
	}
	return dir, cleanup, nil
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(name string) string {
	name = strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if name == "" {
		return "bottle"
	}
	return name
}
