package commands

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
)

// buildLog is where a build's output goes: to a file, which is shown if the
// build fails. Its last line is shown as progress. A builder that draws on a
// terminal may have that. Where nothing can be drawn a long build is said once.
type buildLog struct {
	p    *Program
	line *progress
	what string        // is built
	long time.Duration // what a build takes that is said
	file *os.File
	say  *time.Timer
}

func newBuildLog(p *Program, line *progress, what string) *buildLog {
	return &buildLog{p: p, line: line, what: what, long: 20 * time.Second}
}

func (l *buildLog) Write(data []byte) (int, error) {
	if l.file == nil {
		file, err := os.CreateTemp("", "docker-bottle-build-*.log")
		if err != nil {
			return 0, err
		}
		l.file = file
		if !drawable() {
			l.say = time.AfterFunc(l.long, func() { l.p.notify("building %s", l.what) })
		}
	}
	if last := lastLine(data); last != "" {
		l.line.report(backends.Progress{Step: last})
	}
	return l.file.Write(data)
}

// lastLine is what was written last and is not blank.
func lastLine(data []byte) string {
	data = bytes.TrimSpace(data)
	return string(bytes.TrimSpace(data[bytes.LastIndexAny(data, "\r\n")+1:]))
}

// Terminal returns the terminal for a builder that draws on it, or nil.
func (l *buildLog) Terminal() *os.File {
	if l.p.quiet || !isTerminal(os.Stderr) {
		return nil
	}
	l.line.lend()
	return os.Stderr
}

// Close shows the log if err is that of a failed build, and returns err.
func (l *buildLog) Close(err error) error {
	l.line.done()
	if l.file == nil {
		return err
	}
	if l.say != nil {
		l.say.Stop()
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
