//go:build linux

package containertest

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

func listCommand() *command {
	return &command{
		path:    "list",
		aliases: []string{"ls"},
		about:   "List running containers",
		options: "-a --all\n--format <format>\n-q --quiet",
		run:     runList,
	}
}

func runList(c *call) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	leave, err := c.query()
	if err != nil {
		return err
	}
	defer leave()
	all, err := c.containers()
	if err != nil {
		return err
	}
	var shown []*container
	for _, ctr := range all {
		if c.has("all") || ctr.running() {
			shown = append(shown, ctr)
		}
	}
	if format == "json" {
		views := []any{}
		for _, ctr := range shown {
			views = append(views, ctr.view(c.cli))
		}
		return c.print(views, false)
	}
	if c.has("quiet") {
		for _, ctr := range shown {
			fmt.Println(ctr.id())
		}
		return nil
	}
	return table(shown)
}

func table(shown []*container) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tIMAGE\tOS\tARCH\tSTATE\tIP\tCPUS\tMEMORY\tSTARTED")
	for _, ctr := range shown {
		conf, b := ctr.Configuration, ctr.lastBoot()
		state, ip, started := "stopped", "", ""
		if ctr.running() {
			state = "running"
		}
		if attached := ctr.attachments(); len(attached) > 0 {
			ip = attached[0].IPv4Address
		}
		if !b.Started.IsZero() {
			started = b.Started.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d MB\t%s\n", ctr.id(), conf.Image.Reference, conf.Platform.OS, conf.Platform.Architecture,
			state, ip, conf.Resources.CPUs, conf.Resources.MemoryInBytes>>20, started)
	}
	return w.Flush()
}
