package agents

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is an agent in a list.
type Entry struct {
	// Name is what the agent is called by; see [Resolve].
	Name string
	// Dir is the directory of an agent of the user's own, and empty for a
	// built-in one.
	Dir string
	// Shadows is set for an own agent that takes the place of a built-in one.
	Shadows bool
	// Labels are those that its Dockerfile gives the image.
	Labels map[string]string
	// Err is what is wrong with it.
	Err error
}

// List returns all agents that have a name, sorted by it: the user's own, in
// configDir/agents, and the built-in ones whose place none of these takes.
func List(configDir string) ([]Entry, error) {
	own, err := ownNames(configDir)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, name := range own {
		all = append(all, Entry{Name: name, Dir: filepath.Join(ownDir(configDir), name), Shadows: slices.Contains(Builtin(), name)})
	}
	for _, name := range Builtin() {
		if !slices.Contains(own, name) {
			all = append(all, Entry{Name: name})
		}
	}
	for i := range all {
		all[i].Labels, all[i].Err = labels(all[i].Name, configDir)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func labels(name, configDir string) (map[string]string, error) {
	agent, err := Resolve(name, configDir)
	if err != nil {
		return nil, err
	}
	dockerfile, err := agent.ReadDockerfile()
	if err != nil {
		return nil, err
	}
	return Labels(dockerfile)
}

// Names returns the names of all agents, sorted.
func Names(configDir string) []string {
	own, _ := ownNames(configDir) // those that are built in are there
	names := slices.Concat(Builtin(), own)
	slices.Sort(names)
	return slices.Compact(names)
}

// ownNames returns the names of the directories with the user's own agents.
// Hidden ones are none: a copy that is being made is one.
func ownNames(configDir string) (names []string, err error) {
	entries, err := os.ReadDir(ownDir(configDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		// A link to nowhere is listed, for what is wrong with it.
		info, err := os.Stat(filepath.Join(ownDir(configDir), entry.Name()))
		if err != nil || info.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}
