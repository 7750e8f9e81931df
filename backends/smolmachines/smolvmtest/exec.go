//go:build linux

package smolvmtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func execCommand() *command {
	return &command{
		path:    "machine exec",
		about:   "Run a command in a running machine",
		command: "<COMMAND>...",
		late:    true,
		run:     runExec,
		options: `
--name <NAME>
-w --workdir <DIR>
-e --env <KEY=VALUE> ...
--secret-env <GUEST=HOSTVAR> ...
--secret-file <GUEST=PATH> ...
--timeout <DURATION>
-i --interactive
-t --tty
--stream
-d --detach`,
	}
}

func runExec(c *call) error {
	if err := c.conflict("detach", "interactive", "tty", "stream"); err != nil {
		return err
	}
	timeout, err := c.timeout()
	if err != nil {
		return err
	}
	m, err := c.running()
	if err != nil {
		return err
	}
	if err := c.race(m); err != nil {
		return err
	}
	spec, err := c.program(m)
	if err != nil {
		return err
	}
	w, err := fakevm.Dial(m.dir())
	if err != nil {
		return agentError("connect", "connection to VM lost")
	}
	defer w.Close()
	if c.has("detach") {
		started, err := w.Request(fakevm.Message{Exec: &spec}, nil)
		if err != nil {
			return c.failed(err)
		}
		fmt.Println(started.Pid)
		return nil
	}
	return c.attach(w, spec, timeout)
}

// running finds the machine, and does not start it.
func (c *call) running() (*machine, error) {
	m, err := c.get()
	if err != nil {
		if !c.has("name") {
			return nil, agentError("connect", "machine 'default' not found")
		}
		return nil, err
	}
	switch m.state() {
	case "running":
	case "unreachable":
		return nil, agentError("connect", "connection to VM lost")
	default:
		return nil, agentError("connect", "machine '%s' is not running. Use 'smolvm machine start --name %s' first.", m.Name, m.Name)
	}
	if cause, ok := c.told(); ok {
		return nil, agentError("exec", "%s", cause)
	}
	return m, nil
}

// race is what the first execs after a start may run into.
func (c *call) race(m *machine) error {
	if err := m.change(func(m *machine) { m.Execs++ }); err != nil || m.Execs > c.races {
		return err
	}
	text := fmt.Sprintf("the container `smolvm-%s` is not running", m.Name)
	if c.raceStdout {
		fmt.Println(text)
		return exitStatus(1)
	}
	return agentError("exec", "%s", text)
}

func (c *call) program(m *machine) (fakevm.Spec, error) {
	refs, err := c.secrets()
	if err != nil {
		return fakevm.Spec{}, err
	}
	secrets, err := resolveSecrets(refs)
	if err != nil {
		return fakevm.Spec{}, err
	}
	env := slices.Concat(secrets, c.entries("env"))
	term := slices.ContainsFunc(slices.Concat(m.Config.Env, m.Env, env), func(entry string) bool { return strings.HasPrefix(entry, "TERM=") })
	if c.has("tty") && !term {
		env = append(env, "TERM=xterm-256color") // that of the host is not passed on
	}
	spec, err := m.spec(c.args, env)
	if err != nil {
		return spec, err
	}
	if c.has("workdir") {
		spec.Dir = c.value("workdir")
	}
	if spec.Terminal = c.has("tty"); spec.Terminal {
		spec.Rows, spec.Cols = 24, 80
		if rows, cols, ok := fakevm.TerminalSize(); ok {
			spec.Rows, spec.Cols = rows, cols
		}
	}
	spec.Tied = !c.has("detach")
	return spec, nil
}

// failed is for a program that did not start.
func (c *call) failed(err error) error {
	var f *fakevm.Failure
	if errors.As(err, &f) && f.Reason == fakevm.NoProgram {
		fmt.Fprintln(os.Stderr, outOf(err))
		return exitStatus(127)
	}
	return agentError("exec", "%s", outOf(err))
}

// maxOutput is how much the tool keeps of a program's output before it prints
// it.
const maxOutput = 20 << 20

// attach stays with the program until its end.
func (c *call) attach(w fakevm.Wire, spec fakevm.Spec, timeout time.Duration) error {
	session := c.has("interactive") || c.has("tty")
	s, err := fakevm.OpenStdio(session)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := w.Request(fakevm.Message{Exec: &spec}, s); err != nil {
		return c.failed(err)
	}
	if c.has("tty") {
		if restore, err := fakevm.Raw(true); err == nil { // only if there is a terminal
			defer restore()
			go w.Follow()
		}
	}
	var out, errOut bytes.Buffer
	if session || c.has("stream") {
		s.Copy(os.Stdin, os.Stdout, os.Stderr)
	} else {
		s.Copy(nil, &out, &errOut)
	}
	status, err := c.await(w, s, timeout)
	if n := out.Len() + errOut.Len(); n > maxOutput {
		return agentError("exec", "command output too large (%d bytes, limit %d)", n, maxOutput)
	}
	_, _ = os.Stdout.Write(out.Bytes())
	_, _ = os.Stderr.Write(errOut.Bytes())
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

// await returns the status of the program, which is killed when its time is
// up.
func (c *call) await(w fakevm.Wire, s *fakevm.Stdio, timeout time.Duration) (int, error) {
	killed := make(chan struct{})
	if timeout > 0 {
		time.AfterFunc(timeout, func() {
			close(killed)
			_ = w.Send(fakevm.Message{Signal: int(syscall.SIGKILL)})
		})
	}
	end, _, err := w.Receive()
	if err != nil || !end.Exited {
		return 0, agentError("exec", "connection to VM lost")
	}
	s.Drained(3 * time.Second) // children that were left may hold it open
	select {
	case <-killed:
		return 124, nil
	default:
		return end.Status, nil
	}
}

var duration = regexp.MustCompile(`^(\d+(ms|s|m|h))+$`)

// timeout reads --timeout, which has a unit.
func (c *call) timeout() (time.Duration, error) {
	text := c.value("timeout")
	if !c.has("timeout") {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || !duration.MatchString(text) {
		return 0, c.invalid("timeout", "time unit needed, for example "+text+"sec or "+text+"ms")
	}
	return d, nil
}
