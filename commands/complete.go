package commands

import (
	"slices"

	"github.com/spf13/cobra"
)

// completeBottles completes the names of bottles, for the first limit
// arguments or, with 0, for all. It asks no engine.
func (p *Program) completeBottles(limit int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		bottles, _, err := p.Store.Bottles()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, b := range bottles {
			if name := string(b.Slug); !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
