package commands

import (
	"errors"
	"io"
	"os"

	"github.com/docker-bottle/docker-bottle/backends"
)

// buildLog is where a build's output goes: straight to a terminal, otherwise
// to a file that is shown if the build fails.
type buildLog struct {
	io.Writer
	p    *Program
	file *os.File
}

func newBuildLog(p *Program) *buildLog {
	if isTerminal(os.Stderr) {
		return &buildLog{Writer: os.Stderr, p: p}
	}
	return &buildLog{p: p}
}

func (l *buildLog) Write(data []byte) (int, error) {
	if l.Writer == nil {
		file, err := os.CreateTemp("", "docker-bottle-build-*.log")
		if err != nil {
			return 0, err
		}
		l.Writer, l.file = file, file
	}
	return l.Writer.Write(data)
}

// Terminal returns the terminal that the log goes to, for a builder that draws
// on it, or nil.
func (l *buildLog) Terminal() *os.File {
	if l.file == nil && l.Writer != nil {
		return os.Stderr
	}
	return nil
}

// Close shows the log if err is that of a failed build, and returns err.
func (l *buildLog) Close(err error) error {
	if l.file == nil {
		return err
	}
	defer os.Remove(l.file.Name())
	defer l.file.Close()
	var exit *backends.ExitError
	if errors.As(err, &exit) {
		if _, seekErr := l.file.Seek(0, io.SeekStart); seekErr == nil {
			_, _ = io.Copy(l.p.CLI.Err(), l.file)
		}
	}
	return err
}
