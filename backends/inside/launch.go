// Package inside runs programs in a bottle of an engine whose exec is a plain
// one: with variables that are in no argument list, in the background with a
// log and a status, and ended when they are interrupted.
//
// All of it is scripts for the bottle's own sh.
package inside

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
)

// launch gives a program its variables, which come under other names, and
// becomes it.
const launch = `while [ "$1" != -- ]; do
  eval "export $1=\"\$` + carrier + `$1\"; unset ` + carrier + `$1"; shift
done
shift; exec "$@"`

const (
	// markEnv is how the programs of one exec are found again.
	markEnv = "BOTTLE_EXEC"
	// carrier is how the other names of variables begin.
	carrier = "BOTTLE_ENV_"
)

// Launch returns what an engine's exec has to run for p, and the variables
// that it has to hand over. They have names of their own, so that they mean
// nothing to the engine's tool, and values of the image do not win over them.
func Launch(p backends.Process, mark string) (args, env []string) {
	values := map[string]string{}
	for _, v := range p.Env {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value // the last one wins, as in docker
	}
	args = []string{"/bin/sh", "-c", launch, "sh"}
	env = []string{markEnv + "=" + mark}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		args = append(args, name)
		env = append(env, carrier+name+"="+values[name])
	}
	args = append(args, "--")
	return append(args, p.Args...), env
}

var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readOnly are variables that bash, where that is the image's sh, lets nobody
// set, and ends.
var readOnly = []string{"UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS"}

// CheckEnv refuses a variable that the shell of [Launch] would drop, or take
// for one of its own.
func CheckEnv(env []string) error {
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if !shellName.MatchString(name) {
			return fmt.Errorf("variable %s: only letters, digits and _ can be in a name here", name)
		}
		if name == markEnv || strings.HasPrefix(name, carrier) {
			return fmt.Errorf("variable %s: the name is the bottle's own; give it another name", name)
		}
		if slices.Contains(readOnly, name) {
			return fmt.Errorf("variable %s: a shell may not let it be set; give it another name", name)
		}
	}
	return nil
}
