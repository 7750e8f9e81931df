//go:build linux

package containertest

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func stopCommand() *command {
	return &command{
		path:    "stop",
		about:   "Stop one or more running containers",
		options: "-a --all\n-s --signal <signal>\n-t --time <time>",
		args:    "[<container-ids>...]",
		run:     runStop,
	}
}

func runStop(c *call) error {
	seconds := 5
	if c.has("time") {
		var err error
		if seconds, err = c.number("time", "-t, --time <time>"); err != nil {
			return err
		}
	}
	return c.each("failed to stop container", func(ctr *container) error {
		if !ctr.running() {
			return nil
		}
		name := "SIGTERM"
		if stop := ctr.Configuration.StopSignal; stop != "" && c.server.atLeast(1, 0, 0) {
			name = stop
		}
		if c.has("signal") {
			name = c.last("signal")
		}
		n, err := signalNumber(name)
		if err != nil {
			return err
		}
		return requestService("stop", stopRequest{ctr.id(), n, time.Duration(seconds) * time.Second})
	})
}

// stopRequest is what the tool asks of the service.
type stopRequest struct {
	ID       string        `json:"id"`
	Signal   int           `json:"signal"`
	Patience time.Duration `json:"patience"`
}

// stop stops a container, also if the tool does not wait for it any more.
func (s settings) stop(r stopRequest) error {
	time.Sleep(s.stopDelay)
	ctr, err := s.container(r.ID)
	if err != nil || ctr == nil || !ctr.running() {
		return err
	}
	return ctr.stop(r.Signal, r.Patience)
}

// stop asks the first process to end, and ends the machine if it does not.
func (ctr *container) stop(signal int, patience time.Duration) error {
	b := ctr.lastBoot()
	if b.Pid == 0 {
		b.Running = false
		return fakevm.WriteJSON(ctr.file("boot.json"), b)
	}
	if err := ctr.kill(signal); err == nil && b.Ended(patience) {
		return ctr.reaped()
	}
	b.Kill(syscall.SIGKILL)
	if !b.Ended(time.Minute) {
		return failed("timeout", "container %s does not stop", ctr.id())
	}
	if err := ctr.unmounted(); err != nil {
		return err
	}
	return ctr.reaped()
}

// reaped removes a container with --rm, if its machine has not done so.
func (ctr *container) reaped() error {
	if !ctr.AutoRemove {
		return nil
	}
	return fakevm.Remove(ctr.dir)
}

// kill sends a signal to the first process.
func (ctr *container) kill(signal int) error {
	w, err := ctr.connect()
	if err != nil {
		return err
	}
	defer w.Close()
	return request(w, fakevm.Message{Kill: signal}, nil)
}

func signalNumber(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 65 {
		return n, nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	return 0, failed("invalidArgument", "invalid signal: %s", text)
}
