//go:build linux

package smolvmtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"text/tabwriter"
)

func listCommand() *command {
	return &command{
		path:    "machine ls",
		aliases: []string{"list"},
		about:   "List the machines",
		options: "-v --verbose\n--json\n-q --quiet 1.14.1",
		run:     runList,
	}
}

func runList(c *call) error {
	all, err := c.machines()
	if err != nil {
		return err
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) // the order of a hash map
	switch {
	case c.has("json"):
		views := []map[string]any{}
		for _, m := range all {
			views = append(views, m.view())
		}
		return print(views)
	case c.has("quiet"):
		for _, m := range all {
			fmt.Println(m.Name)
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tCPUS\tMEMORY\tIMAGE")
	for _, m := range all {
		fmt.Fprintf(w, "%.18s\t%s\t%d\t%d MiB\t%s\n", m.Name, m.state(), m.CPUs, m.Memory, m.Image)
		if c.has("verbose") {
			for _, entry := range m.Env {
				fmt.Fprintf(w, "  %s\n", entry)
			}
		}
	}
	return w.Flush()
}
