//go:build linux

package containertest

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"strings"
)

func (c *call) labels(conf *configuration) error {
	conf.Labels = map[string]string{}
	for _, label := range c.flags["label"] {
		parts := strings.Split(label, "=")
		if len(parts) > 2 || parts[0] == "" {
			return failed("invalidArgument", "invalid label format %s", label)
		}
		conf.Labels[parts[0]] = strings.Join(parts[1:], "")
	}
	return nil
}

const minMemory = 200 << 20

func (c *call) resources(conf *configuration) error {
	conf.Resources = resources{CPUs: 4, MemoryInBytes: 1 << 30, CPUOverhead: 1}
	var err error
	if c.has("cpus") {
		if conf.Resources.CPUs, err = c.number("cpus", "-c, --cpus <cpus>"); err != nil {
			return err
		}
	}
	if c.has("memory") {
		if conf.Resources.MemoryInBytes, err = bytesOf(c.last("memory")); err != nil {
			return err
		}
	}
	if n := conf.Resources.MemoryInBytes; n < minMemory && c.server.atLeast(0, 10, 0) {
		return failed("invalidArgument", "minimum memory amount allowed is 200 MiB (got %d bytes)", n)
	}
	if c.has("shm-size") {
		if conf.ShmSize, err = bytesOf(c.last("shm-size")); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) number(flag, spec string) (int, error) {
	n, err := strconv.Atoi(c.last(flag))
	if err != nil || n < 0 {
		return 0, c.command.refuse("The value '%s' is invalid for '%s'", c.last(flag), spec)
	}
	return n, nil
}

var amount = regexp.MustCompile(`^(?i)(\d+)([bkmgtp]?)(?:i?b)?$`)

// bytesOf reads an amount of memory, with binary units.
func bytesOf(text string) (uint64, error) {
	m := amount.FindStringSubmatch(text)
	if m == nil {
		return 0, failed("invalidArgument", "invalid memory value %s", text)
	}
	n, err := strconv.ParseUint(m[1], 10, 40)
	if err != nil {
		return 0, failed("invalidArgument", "invalid memory value %s", text)
	}
	return n << (10 * max(0, strings.Index("bkmgtp", strings.ToLower(m[2])))), nil
}

func (c *call) user(fromImage string) (user, error) {
	switch {
	case c.has("user"):
		return user{Raw: &userRaw{c.last("user")}}, nil
	case c.has("uid") || c.has("gid"):
		id := &userID{}
		var err error
		if c.has("uid") {
			if id.UID, err = c.number("uid", "--uid <uid>"); err != nil {
				return user{}, err
			}
		}
		if c.has("gid") {
			id.GID, err = c.number("gid", "--gid <gid>")
		}
		return user{ID: id}, err
	case fromImage != "":
		return user{Raw: &userRaw{fromImage}}, nil
	}
	return user{ID: &userID{}}, nil
}

var ulimit = regexp.MustCompile(`^([a-z]+)=(\d+)(?::(\d+))?$`)

func (c *call) ulimits() ([]rlimit, error) {
	limits := []rlimit{}
	for _, text := range c.flags["ulimit"] {
		m := ulimit.FindStringSubmatch(text)
		if m == nil {
			return nil, failed("invalidArgument", "invalid ulimit format %s", text)
		}
		l := rlimit{Limit: "RLIMIT_" + strings.ToUpper(m[1])}
		l.Soft, _ = strconv.ParseUint(m[2], 10, 64)
		l.Hard, _ = strconv.ParseUint(getOr(m[3], m[2]), 10, 64)
		limits = append(limits, l)
	}
	return limits, nil
}

// env is what --env-file and --env say. A key without a value is the tool's
// own, and dropped if it has none.
func (c *call) env() ([]string, error) {
	var env []string
	add := func(entry string) {
		if value, ok := os.LookupEnv(entry); strings.Contains(entry, "=") {
			env = append(env, entry)
		} else if ok {
			env = append(env, entry+"="+value)
		}
	}
	for _, file := range c.flags["env-file"] {
		f, err := os.Open(file)
		if err != nil {
			return nil, failed("notFound", "envfile at %s not found", file)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
				add(line)
			}
		}
	}
	for _, entry := range c.flags["env"] {
		add(entry)
	}
	return env, nil
}
