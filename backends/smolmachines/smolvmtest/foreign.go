//go:build linux

package smolvmtest

import (
	"fmt"
	"slices"
)

// foreignError is one of the other program's argument parser.
type foreignError string

func (f foreignError) Error() string { return string(f) }

const foreignUsage = "usage: smolvm [-h] [--version] {doctor,cleanup,env,ui} ..."

// runForeign is the other program of this name, CelestoAI's, which also keeps
// virtual machines.
func runForeign(args []string) error {
	switch {
	case len(args) == 0 || slices.Contains([]string{"-h", "--help"}, args[0]):
		fmt.Println(foreignUsage)
		return nil
	case args[0] == "--version":
		fmt.Println("smolvm 0.0.9")
		return nil
	case slices.Contains([]string{"doctor", "cleanup", "env", "ui"}, args[0]):
		return unfaked("the other program's " + args[0])
	}
	return foreignError(fmt.Sprintf("%s\nsmolvm: error: argument command: invalid choice: '%s' (choose from 'doctor', 'cleanup', 'env', 'ui')", foreignUsage, args[0]))
}
