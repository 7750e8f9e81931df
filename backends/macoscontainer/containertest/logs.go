//go:build linux

package containertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

func logsCommand() *command {
	return &command{
		path:    "logs",
		about:   "Fetch container logs",
		options: "--boot\n-f --follow\n-n <n>",
		args:    "<container-id>",
		run:     runLogs,
	}
}

func runLogs(c *call) error {
	lines := -1
	if c.has("n") {
		var err error
		if lines, err = c.number("n", "-n <n>"); err != nil {
			return err
		}
	}
	ctr, err := c.get(c.args[0])
	if err != nil {
		return err
	}
	if c.has("boot") {
		fmt.Println("containertest: a virtual machine that is a process")
		return nil
	}
	f, err := os.Open(ctr.file("stdio.log"))
	if errors.Is(err, os.ErrNotExist) {
		return failed("internalError", "failed to open container logs: file not found")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return failed("internalError", "failed to convert container logs to utf8")
	}
	fmt.Print(tail(string(data), lines))
	for c.has("follow") {
		running := ctr.running() // before the copy: all that it wrote is then seen
		if _, err := io.Copy(os.Stdout, f); err != nil || !running {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// tail returns the last n lines, or all if n is negative.
func tail(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	if n < 0 || n >= len(lines) || text == "" {
		return text
	}
	last := strings.Join(lines[len(lines)-n:], "")
	if n > 0 && strings.HasSuffix(text, "\n") {
		last += "\n"
	}
	return last
}
