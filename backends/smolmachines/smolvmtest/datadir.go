//go:build linux

package smolvmtest

import "fmt"

func dataDirCommand() *command {
	return &command{
		path:    "machine data-dir",
		about:   "Print the directory of a machine",
		options: "-n --name <NAME>",
		run: func(c *call) error {
			if !c.has("name") {
				return c.missing("--name <NAME>")
			}
			m, err := c.get()
			if err != nil {
				return err
			}
			fmt.Println(m.dir())
			return nil
		},
	}
}
