//go:build linux

package containertest

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func (s settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}

// lock takes the lock of that name; 0 waits for ever.
func (s settings) lock(name string, timeout time.Duration) (unlock func(), err error) {
	return fakevm.Lock(s.path(name+".lock"), timeout)
}

// service enters the service, which does one thing at a time.
func (s settings) service() (leave func(), err error) { return s.lock("service", 0) }

// query enters the service for a request that first lists the containers,
// and those are the ones that do not wait for ever.
func (s settings) query() (leave func(), err error) {
	leave, err = s.lock("service", s.rpcTimeout)
	if errors.Is(err, fakevm.ErrBusy) {
		return nil, failed("internalError", "failed to list containers").because(
			failed("internalError", "XPC timeout for request to com.apple.container.apiserver/containerList"))
	}
	return leave, err
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
	if err := fakevm.ReadJSON(s.path("service.json"), &up); err == nil {
		return up
	}
	return !s.down
}
