//go:build linux

package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// versions are the releases whose differences are known.
var versions = []version{{0, 12, 3}, {1, 0, 0}, {1, 2, 0}, {1, 2, 1}, {1, 2, 2}, {1, 4, 1}}

type version [3]int

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (v version) atLeast(major, minor, patch int) bool {
	return slices.Compare(v[:], []int{major, minor, patch}) >= 0
}

func parseVersion(text string) (version, error) {
	for _, v := range versions {
		if v.String() == text {
			return v, nil
		}
	}
	return version{}, fmt.Errorf("containertest: version %q is not faked", text)
}

// settings is what the environment says.
type settings struct {
	root        string
	cli, server version
	down        bool
	rpcTimeout  time.Duration
	exportDelay time.Duration
	stopDelay   time.Duration
	hang        []string
	fail        map[string]string
	log         string
}

func readSettings() (settings, error) {
	s := settings{
		root: os.Getenv("CONTAINERTEST_ROOT"),
		down: os.Getenv("CONTAINERTEST_DOWN") != "",
		log:  os.Getenv("CONTAINERTEST_LOG"),
		fail: map[string]string{},
	}
	if !filepath.IsAbs(s.root) {
		return s, fmt.Errorf("containertest: CONTAINERTEST_ROOT=%q is not an absolute path", s.root)
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return s, err
	}
	var err error
	if s.cli, err = parseVersion(getenv("CONTAINERTEST_VERSION", "1.4.1")); err != nil {
		return s, err
	}
	if s.server, err = parseVersion(getenv("CONTAINERTEST_SERVER_VERSION", s.cli.String())); err != nil {
		return s, err
	}
	if s.rpcTimeout, err = time.ParseDuration(getenv("CONTAINERTEST_RPC_TIMEOUT", "10s")); err != nil {
		return s, err
	}
	if s.exportDelay, err = time.ParseDuration(getenv("CONTAINERTEST_EXPORT_DELAY", "0s")); err != nil {
		return s, err
	}
	if s.stopDelay, err = time.ParseDuration(getenv("CONTAINERTEST_STOP_DELAY", "0s")); err != nil {
		return s, err
	}
	s.hang = list(os.Getenv("CONTAINERTEST_HANG"), ",")
	for _, entry := range list(os.Getenv("CONTAINERTEST_FAIL"), ";") {
		name, cause, ok := strings.Cut(entry, "=")
		if !ok {
			return s, fmt.Errorf("containertest: CONTAINERTEST_FAIL: %q is not command=cause", entry)
		}
		s.fail[name] = cause
	}
	return s, s.known()
}

// known refuses names that no command has: what is never matched never hangs
// or fails, and its test would pass for that reason.
func (s settings) known() error {
	names := slices.Clone(s.hang)
	for name := range s.fail {
		names = append(names, name)
	}
	for _, name := range names {
		if !slices.ContainsFunc(commands(), func(c *command) bool { return c.named(name) }) {
			return fmt.Errorf("containertest: there is no command %q to hang or fail", name)
		}
	}
	return nil
}

func getenv(key, otherwise string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return otherwise
}

func list(text, separator string) []string {
	var items []string
	for item := range strings.SplitSeq(text, separator) {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
