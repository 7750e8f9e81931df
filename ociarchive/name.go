package ociarchive

import (
	"errors"
	"path"
	"strings"
)

// root is the cleaned name of the root directory itself.
const root = "."

// ErrName is matched by the error of an entry whose name an archive cannot
// hold, or that is not what was in the tree.
var ErrName = errors.New("bad name")

// nameError says what is wrong with a name.
type nameError string

func (e nameError) Error() string        { return string(e) }
func (e nameError) Is(target error) bool { return target == ErrName }

// clean returns the one spelling of an entry's name, relative and without
// "./" or a slash at the end. It refuses a name that leads out of the tree and
// one with an empty part: the export writes that for a name it cannot read,
// and without it the entry would take the place of its directory.
func clean(name string) (string, error) {
	if name == "" {
		return "", nameError("empty name")
	}
	if strings.ContainsRune(name, 0) {
		return "", nameError("name with a NUL")
	}
	name = strings.TrimSuffix(strings.TrimLeft(name, "/"), "/")
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return "", nameError("name leads out of the tree")
		case part == "" && name != "":
			return "", nameError("name with an empty part")
		}
	}
	return path.Clean(name), nil
}

// isWhiteout reports whether an entry, in a layer, would not be a file but
// remove the one it is named after. There is no other way to spell it.
func isWhiteout(name string) bool { return strings.HasPrefix(path.Base(name), ".wh.") }

// within reports whether the cleaned name is below the directory.
func within(dir, name string) bool {
	return strings.HasPrefix(name, dir) && len(name) > len(dir) && name[len(dir)] == '/'
}

// scratch are the directories whose content is left out, as lost+found is with
// them; of an empty one nothing is.
// Only these very paths count: where /run is a link to /var/run, that is a
// directory like others.
type scratch []string

func newScratch(more []string) scratch {
	s := scratch{"tmp", "var/tmp", "run"}
	for _, dir := range more {
		s = append(s, strings.Trim(path.Clean(dir), "/"))
	}
	return s
}

// has reports whether an entry is left out because of where it is.
func (s scratch) has(name string) bool {
	if len(s) == 0 {
		return false
	}
	if name == "lost+found" || within("lost+found", name) {
		return true
	}
	for _, dir := range s {
		if within(dir, name) {
			return true
		}
	}
	return false
}
