// Goreleaser FILE checks that FILE has only settings that goreleaser knows, of
// the right types, with goreleaser's own parser. It is most of "goreleaser
// check" and fit for every change: the whole tool is 1500 packages, which take
// six minutes on two cores. The rest is in make release-check.
//
// It is a module of its own, so that the plugin's go.mod knows nothing of it.
package main

import (
	"fmt"
	"os"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: goreleaser FILE")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func check(file string) error {
	project, err := config.Load(file)
	if err == nil && project.Version != 2 {
		err = fmt.Errorf("version %d of the format, want 2", project.Version)
	}
	return err
}
