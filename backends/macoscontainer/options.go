package macoscontainer

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// CheckOptions refuses what the tool would, or take for something else, before
// anything is built.
func (b *Backend) CheckOptions(bottle bottlestate.Bottle) error {
	if err := backends.RefuseAllowed(b, bottle); err != nil {
		return err
	}
	_, err := createOptions(bottle)
	return err
}

// createOptions are what the bottle asks for besides its image.
func createOptions(bottle bottlestate.Bottle) (options []string, err error) {
	if options, err = limitOptions(bottle); err != nil {
		return nil, err
	}
	for _, volume := range bottle.Volumes {
		options = append(options, "--volume", volume)
	}
	for _, port := range bottle.Ports {
		if err := checkPort(port); err != nil {
			return nil, err
		}
		options = append(options, "--publish", port)
	}
	for _, spec := range bottle.Tmpfs {
		tmpfs, err := tmpfsOption(spec)
		if err != nil {
			return nil, err
		}
		options = append(options, tmpfs...)
	}
	if bottle.Network != "" {
		options = append(options, "--network", bottle.Network)
	}
	return options, nil
}

const mib = 1 << 20

// limitOptions are the bottle's CPUs and memory, where it asks for any.
func limitOptions(bottle bottlestate.Bottle) (options []string, err error) {
	if cpus := bottle.NanoCPUs; cpus != 0 {
		if cpus%1e9 != 0 {
			return nil, fmt.Errorf("--cpus %g: container gives a bottle whole CPUs only", float64(cpus)/1e9)
		}
		options = append(options, "--cpus", strconv.FormatInt(cpus/1e9, 10))
	}
	if bottle.Memory != 0 {
		if bottle.Memory < 200*mib {
			return nil, fmt.Errorf("--memory %s: container gives a bottle 200MiB at least", units.BytesSize(float64(bottle.Memory)))
		}
		options = append(options, "--memory", strconv.FormatInt(bottle.Memory, 10))
	}
	return options, nil
}

var (
	published = regexp.MustCompile(`^(?:(.+):)?([0-9]+)(?:-([0-9]+))?:([0-9]+)(?:-([0-9]+))?(?:/(?:tcp|udp))?$`)
	octal     = regexp.MustCompile(`^[0-7]{3,4}$`)
)

// checkPort refuses what is docker's notation and not the tool's: a port of the
// bottle alone, ranges of different lengths. The tool has no port 1.
func checkPort(spec string) error {
	m := published.FindStringSubmatch(spec)
	if m == nil || !isAddress(m[1]) {
		return fmt.Errorf("--publish %q: container publishes [ADDRESS:]HOST:BOTTLE[/tcp|/udp], ports or ranges of ports", spec)
	}
	var lengths []uint64
	for _, ends := range [][]string{m[2:4], m[4:6]} {
		first, err := strconv.ParseUint(ends[0], 10, 16)
		last := first
		if err == nil && ends[1] != "" {
			last, err = strconv.ParseUint(ends[1], 10, 16)
		}
		if err != nil || first < 2 || last < first {
			return fmt.Errorf("--publish %q: container publishes ports from 2 to 65535", spec)
		}
		lengths = append(lengths, last-first)
	}
	if lengths[0] != lengths[1] {
		return fmt.Errorf("--publish %q: as many ports of the host are needed as of the bottle", spec)
	}
	return nil
}

// isAddress reports whether the tool takes it: one of IPv6 has brackets.
func isAddress(text string) bool {
	if text == "" {
		return true
	}
	bare, bracketed := strings.CutPrefix(text, "[")
	if bracketed {
		bare, bracketed = strings.CutSuffix(bare, "]")
	}
	address, err := netip.ParseAddr(bare)
	return err == nil && address.Is6() == bracketed
}

// tmpfsOption turns docker's PATH[:OPTIONS] into what the tool takes, whose
// --tmpfs has a path and nothing else.
func tmpfsOption(spec string) ([]string, error) {
	path, rest, _ := strings.Cut(spec, ":")
	switch {
	case !strings.HasPrefix(path, "/"):
		return nil, fmt.Errorf("--tmpfs %q: give a path that begins with /", spec)
	case rest == "":
		return []string{"--tmpfs", path}, nil
	case strings.ContainsAny(path, ",="):
		return nil, fmt.Errorf("--tmpfs %q: container takes no options for a path with a comma or an equals sign", spec)
	}
	mount := "type=tmpfs,target=" + path
	for option := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "size":
			size, err := units.RAMInBytes(value)
			if err != nil || size <= 0 {
				return nil, fmt.Errorf("--tmpfs %q: the size is an amount like 64m", spec)
			}
			// The tool counts in whole MiB, rounded down; nothing is no limit.
			value = strconv.FormatInt(((size-1)/mib+1)*mib, 10)
		case "mode":
			if !octal.MatchString(value) {
				return nil, fmt.Errorf("--tmpfs %q: the mode is octal, like 1777", spec)
			}
		default:
			return nil, fmt.Errorf("--tmpfs %q: container knows the options size and mode, and not %q", spec, key)
		}
		mount += "," + key + "=" + value
	}
	return []string{"--mount", mount}, nil
}

// tmpfsSpec undoes tmpfsOption. The tool keeps options in no order.
func tmpfsSpec(target string, options []string) string {
	if len(options) == 0 {
		return target
	}
	return target + ":" + strings.Join(slices.Sorted(slices.Values(options)), ",")
}
