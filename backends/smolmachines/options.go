package smolmachines

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// limitOptions are the bottle's CPUs and memory, where it asks for any.
func limitOptions(bottle bottlestate.Bottle) (options []string, err error) {
	if cpus := bottle.NanoCPUs; cpus != 0 {
		if cpus%1e9 != 0 || cpus > math.MaxUint8*1e9 {
			return nil, fmt.Errorf("--cpus %g: smolvm gives a machine whole CPUs only, and 255 at most", float64(cpus)/1e9)
		}
		options = append(options, "--cpus", strconv.FormatInt(cpus/1e9, 10))
	}
	if bottle.Memory != 0 {
		const mib = 1 << 20
		if bottle.Memory < 64*mib {
			return nil, fmt.Errorf("--memory %s: smolvm gives a machine 64MiB at least", units.BytesSize(float64(bottle.Memory)))
		}
		options = append(options, "--mem", strconv.FormatInt((bottle.Memory-1)/mib+1, 10))
	}
	return options, nil
}

// noNetwork is docker's name for having none.
const noNetwork = "none"

// networkOptions let a machine reach what the bottle may: without one it
// reaches nothing, and an agent nearly always needs its model.
func networkOptions(bottle bottlestate.Bottle) (options []string, err error) {
	if err := checkNetwork(bottle); err != nil {
		return nil, err
	}
	for _, host := range bottle.AllowHosts {
		options = append(options, "--allow-host", host)
	}
	for _, cidr := range bottle.AllowCIDRs {
		options = append(options, "--allow-cidr", cidr)
	}
	switch {
	case bottle.Network == noNetwork:
	case bottle.Network != "":
		options = append(options, "--network", bottle.Network)
	case options == nil:
		options = []string{"--net"}
	}
	for _, port := range bottle.Ports {
		option, err := portOption(port)
		if err != nil {
			return nil, err
		}
		options = append(options, "--port", option)
	}
	return options, nil
}

// portOption turns what docker takes into what smolvm does.
func portOption(port string) (string, error) {
	spec := strings.TrimSuffix(port, "/tcp")
	host, guest, both := strings.Cut(spec, ":")
	if !both {
		guest = host
	}
	for _, number := range []string{host, guest} {
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("port %q: smolvm publishes a port of the host, HOST:BOTTLE, by tcp and on all addresses", port)
		}
	}
	return host + ":" + guest, nil
}

// CheckOptions refuses what the tool would, or take for something else, before
// anything is built.
func (b *Backend) CheckOptions(bottle bottlestate.Bottle) error {
	_, limits := limitOptions(bottle)
	_, network := networkOptions(bottle)
	_, volumes := volumeOptions(bottle)
	return cmp.Or(limits, network, volumes)
}

func checkNetwork(bottle bottlestate.Bottle) error {
	if bottle.Network == noNetwork && len(bottle.AllowHosts)+len(bottle.AllowCIDRs) > 0 {
		return fmt.Errorf("a bottle without a network (--network %s) can be allowed nothing", noNetwork)
	}
	if bottle.Network == noNetwork && len(bottle.Ports) > 0 {
		return fmt.Errorf("a bottle without a network (--network %s) can publish no port", noNetwork)
	}
	for _, host := range bottle.AllowHosts {
		if host == "" || strings.ContainsAny(host, ":/ ") {
			return fmt.Errorf("--allow-host %q: give the name of a host, without a port", host)
		}
	}
	for _, cidr := range bottle.AllowCIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return fmt.Errorf("--allow-cidr %q: %w", cidr, err)
		}
	}
	return nil
}

// volumeOptions are the bottle's mounts: smolvm has directories of the host,
// and no volumes of its own.
func volumeOptions(bottle bottlestate.Bottle) (options []string, err error) {
	for _, volume := range bottle.Volumes {
		source, rest, _ := strings.Cut(volume, ":")
		if !filepath.IsAbs(source) {
			return nil, fmt.Errorf("volume %q: smolvm mounts directories of the host, and has no volumes with a name", volume)
		}
		target, mode, hasMode := strings.Cut(rest, ":")
		if hasMode && mode != "ro" && mode != "rw" {
			return nil, fmt.Errorf("volume %q: smolvm knows the options ro and rw", volume)
		}
		if covers(backends.RunDir, path.Clean(target)) {
			return nil, fmt.Errorf("volume %q: %s is the bottle's own", volume, backends.RunDir)
		}
		if info, err := os.Stat(source); err == nil && !info.IsDir() {
			return nil, fmt.Errorf("volume %q: smolvm mounts directories, and %s is none", volume, source)
		}
		options = append(options, "--volume", volume)
	}
	return options, nil
}

func covers(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
