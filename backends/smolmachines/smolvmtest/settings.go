//go:build linux

package smolvmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// versions are the releases whose differences are known.
var versions = []version{{1, 9, 3}, {1, 11, 1}, {1, 12, 0}, {1, 13, 1}, {1, 14, 3}, {1, 17, 0}, {1, 22, 0}, {1, 23, 0}}

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
	return version{}, fmt.Errorf("smolvmtest: version %q is not faked", text)
}

// settings is what the environment says.
type settings struct {
	root       string
	db         string // where the machines are recorded; all of them if empty
	version    version
	arch       string
	kvm        string
	foreign    bool
	packDelay  time.Duration
	startDelay time.Duration
	hang       []string
	fail       map[string]string
	states     map[string]string
	races      int
	raceStdout bool
}

func readSettings() (settings, error) {
	s := settings{
		root:    os.Getenv("SMOLVMTEST_ROOT"),
		db:      database(os.Getenv),
		arch:    getenv("SMOLVMTEST_ARCH", runtime.GOARCH),
		kvm:     os.Getenv("SMOLVMTEST_KVM"),
		foreign: os.Getenv("SMOLVMTEST_FOREIGN") != "",
	}
	if !filepath.IsAbs(s.root) {
		return s, fmt.Errorf("smolvmtest: SMOLVMTEST_ROOT=%q is not an absolute path", s.root)
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return s, err
	}
	if s.kvm != "" && s.kvm != "missing" && s.kvm != "denied" {
		return s, fmt.Errorf("smolvmtest: SMOLVMTEST_KVM=%q is neither missing nor denied", s.kvm)
	}
	var err error
	if s.version, err = parseVersion(getenv("SMOLVMTEST_VERSION", "1.23.0")); err != nil {
		return s, err
	}
	if s.packDelay, err = time.ParseDuration(getenv("SMOLVMTEST_PACK_DELAY", "0s")); err != nil {
		return s, err
	}
	if s.startDelay, err = time.ParseDuration(getenv("SMOLVMTEST_START_DELAY", "0s")); err != nil {
		return s, err
	}
	count, stream, _ := strings.Cut(getenv("SMOLVMTEST_EXEC_RACE", "0"), ":")
	if s.races, err = strconv.Atoi(count); err != nil || stream != "" && stream != "stdout" {
		return s, fmt.Errorf("smolvmtest: SMOLVMTEST_EXEC_RACE is not N or N:stdout")
	}
	s.raceStdout = stream == "stdout"
	s.hang = list(os.Getenv("SMOLVMTEST_HANG"), ",")
	if s.fail, err = pairs("SMOLVMTEST_FAIL"); err != nil {
		return s, err
	}
	if s.states, err = pairs("SMOLVMTEST_STATE"); err != nil {
		return s, err
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
			return fmt.Errorf("smolvmtest: there is no command %q to hang or fail", name)
		}
	}
	return nil
}

// database is where the tool has its record of machines. With another one
// there are other machines.
func database(getenv func(string) string) string {
	home, data := getenv("HOME"), getenv("XDG_DATA_HOME")
	if dir := getenv("SMOLVM_DATA_DIR"); dir != "" {
		home, data = dir, ""
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "smolvm", "server", "smolvm.db")
}

func (s settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
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

// pairs reads a setting of the form name=value;name=value.
func pairs(key string) (map[string]string, error) {
	all := map[string]string{}
	for _, entry := range list(os.Getenv(key), ";") {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			return nil, fmt.Errorf("smolvmtest: %s: %q is not name=value", key, entry)
		}
		all[name] = value
	}
	return all, nil
}
