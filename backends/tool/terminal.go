package tool

import (
	"os/exec"

	"github.com/moby/term"

	"github.com/docker-bottle/docker-bottle/backends"
)

// Attach gives cmd the streams of stdio. The returned function is called when
// it has ended: a tool that was killed leaves a terminal in its raw mode, and
// some leave it non-blocking.
func Attach(cmd *exec.Cmd, stdio backends.Stdio) (restore func()) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio.In, stdio.Out, stdio.Err
	fd, isTerminal := term.GetFdInfo(stdio.In)
	if !isTerminal {
		return func() {}
	}
	cmd.SysProcAttr = nil // a program that reads the terminal has to be in its group
	state, err := term.SaveState(fd)
	return func() {
		if err == nil {
			_ = term.RestoreTerminal(fd, state)
		}
		for _, stream := range []any{stdio.In, stdio.Out, stdio.Err} {
			if fd, isTerminal := term.GetFdInfo(stream); isTerminal {
				setBlocking(fd)
			}
		}
	}
}
