//go:build linux

package containertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/sys/atomicwriter"
	"golang.org/x/sys/unix"
)

func (s settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}

// errBusy is returned by lock when the time is up.
var errBusy = errors.New("locked by another process")

// lock takes the lock of that name. It polls, since flock knows no timeout
// and a queue of requests at the service has one; 0 waits for ever.
func (s settings) lock(name string, timeout time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(s.path(name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			f.Close()
			return nil, err
		case timeout > 0 && time.Since(start) > timeout:
			f.Close()
			return nil, errBusy
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// service enters the service, which does one thing at a time.
func (s settings) service() (leave func(), err error) { return s.lock("service", 0) }

// query enters the service for a request that first lists the containers,
// and those are the ones that do not wait for ever.
func (s settings) query() (leave func(), err error) {
	leave, err = s.lock("service", s.rpcTimeout)
	if errors.Is(err, errBusy) {
		return nil, failed("internalError", "failed to list containers").because(
			failed("internalError", "XPC timeout for request to com.apple.container.apiserver/containerList"))
	}
	return leave, err
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicwriter.WriteFile(path, data, 0o600)
}

// up returns the error of a command that needs a service that is not there.
func (c *call) up() error {
	if c.command.offline || c.serving() {
		return nil
	}
	broken := failed("interrupted", "XPC connection error: Connection invalid")
	if c.command.configured {
		return broken
	}
	return failed("internalError", "failed to list containers").because(broken)
}

// serving reports whether the service runs: what system start and stop did
// last counts more than how the test began.
func (s settings) serving() bool {
	var up bool
	if err := readJSON(s.path("service.json"), &up); err == nil {
		return up
	}
	return !s.down
}
