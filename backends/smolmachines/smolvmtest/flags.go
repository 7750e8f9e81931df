//go:build linux

package smolvmtest

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// protected are the directories that nothing can be mounted from or over.
var protected = []string{"/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr", "/var"}

func (c *call) volumes(m *machine) error {
	for _, spec := range c.flags["volume"] {
		v, err := parseVolume(spec)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(m.Mounts, func(old mount) bool { return old.Guest == v.Guest }) {
			return fmt.Errorf("invalid mount path: %s is mounted twice", v.Guest)
		}
		m.Mounts = append(m.Mounts, v)
	}
	return nil
}

func parseVolume(spec string) (mount, error) {
	parts := strings.Split(spec, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return mount{}, fmt.Errorf("invalid mount path: %s: expected HOST:GUEST[:ro|:rw]", spec)
	}
	v := mount{Guest: filepath.Clean(parts[1])}
	if len(parts) == 3 {
		if v.ReadOnly = parts[2] == "ro"; parts[2] != "ro" && parts[2] != "rw" {
			return mount{}, fmt.Errorf("invalid mount path: %s: expected HOST:GUEST[:ro|:rw]", spec)
		}
	}
	if !filepath.IsAbs(v.Guest) {
		return mount{}, fmt.Errorf("invalid mount path: guest path must be absolute: %s", v.Guest)
	}
	host, err := filepath.Abs(parts[0])
	if err == nil {
		v.Host, err = filepath.EvalSymlinks(host)
	}
	if err != nil {
		return mount{}, fmt.Errorf("mount source not found: %s", parts[0])
	}
	if info, err := os.Stat(v.Host); err != nil || !info.IsDir() {
		return mount{}, fmt.Errorf("invalid mount path: not a directory: %s", parts[0])
	}
	for _, dir := range []string{v.Host, v.Guest} {
		if slices.Contains(protected, dir) {
			return mount{}, fmt.Errorf("invalid mount path: %s is a system directory", dir)
		}
	}
	return v, nil
}

func (c *call) ports(m *machine) error {
	for _, spec := range c.flags["port"] {
		p, err := c.parsePort("port", spec)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(m.Ports, func(old port) bool { return old.Host == p.Host }) {
			return configError("create machine", "duplicate host port %d", p.Host)
		}
		m.Ports = append(m.Ports, p)
	}
	return nil
}

func (c *call) parsePort(flag, spec string) (port, error) {
	host, guest, ok := strings.Cut(spec, ":")
	if !ok {
		guest = host
	}
	h, err := strconv.ParseUint(host, 10, 16)
	g, err2 := strconv.ParseUint(guest, 10, 16)
	if err != nil || err2 != nil || h == 0 || g == 0 {
		o, _ := find(c.command.table(c.version), "--"+flag)
		return port{}, c.command.refuse("invalid value '%s' for '%s': expected PORT or HOST:GUEST, from 1 to 65535", spec, o)
	}
	return port{int(h), int(g)}, nil
}

// networks takes what limits the outbound network, which turns it on.
func (c *call) networks(m *machine) error {
	backend := c.value("net-backend")
	if c.has("net-backend") && backend != "tsi" && backend != "virtio-net" {
		return c.invalid("net-backend", "possible values: tsi, virtio-net")
	}
	if c.has("dns") {
		if a, err := netip.ParseAddr(m.DNS); err != nil || !a.Is4() {
			return c.invalid("dns", "invalid IPv4 address syntax")
		}
	}
	for _, cidr := range c.flags["allow-cidr"] {
		_, err := netip.ParsePrefix(cidr)
		if _, other := netip.ParseAddr(cidr); err != nil && other != nil {
			return configError("--allow-cidr", "invalid CIDR '%s'", cidr)
		}
	}
	m.NetBackend, m.Localhost = backend, c.has("outbound-localhost-only")
	m.AllowHosts, m.AllowCIDRs = c.flags["allow-host"], c.flags["allow-cidr"]
	limited := m.limited()
	if limited {
		m.NetBackend = "virtio-net"
	}
	m.Network = m.Network || limited || c.has("net") || c.has("network")
	return nil
}

func (m *machine) limited() bool {
	return len(m.AllowHosts) > 0 || len(m.AllowCIDRs) > 0 || m.Localhost
}

// resolveHosts looks the hosts up, without a network: those below .invalid
// are the ones that cannot be found.
func (c *call) resolveHosts() error {
	for _, host := range c.flags["allow-host"] {
		if host == "" || strings.ContainsAny(host, ":/* ") || strings.HasSuffix(host, ".invalid") {
			return configError("--allow-host", "failed to resolve '%s': failed to lookup address information: Name or service not known", host)
		}
	}
	return nil
}

func (c *call) labels(m *machine) error {
	m.Labels = map[string]string{}
	for _, label := range c.flags["label"] {
		key, value, ok := strings.Cut(label, "=")
		if !ok || key == "" {
			return configError("create machine", "invalid label '%s': expected KEY=VALUE", label)
		}
		m.Labels[key] = value
	}
	return nil
}

// secrets takes references, which are resolved when a program starts.
func (c *call) secrets() (map[string]secret, error) {
	all := map[string]secret{}
	for _, spec := range c.flags["secret-env"] {
		key, from, ok := strings.Cut(spec, "=")
		if !ok || key == "" || from == "" {
			return nil, configError("--secret-env", "invalid value '%s': expected GUEST=HOSTVAR", spec)
		}
		all[key] = secret{Env: from}
	}
	for _, spec := range c.flags["secret-file"] {
		key, file, ok := strings.Cut(spec, "=")
		if !ok || key == "" || !filepath.IsAbs(file) {
			return nil, configError("--secret-file", "invalid value '%s': expected GUEST=/absolute/path", spec)
		}
		all[key] = secret{File: file}
	}
	return all, nil
}

func resolveSecrets(refs map[string]secret) ([]string, error) {
	var env []string
	for key, ref := range refs {
		value, ok := os.LookupEnv(ref.Env)
		if ref.File != "" {
			data, err := os.ReadFile(ref.File)
			value, ok = strings.TrimRight(string(data), "\n"), err == nil
		}
		if !ok {
			return nil, configError("secrets", "secret '%s': %s%s cannot be read", key, ref.Env, ref.File)
		}
		env = append(env, key+"="+value)
	}
	return env, nil
}
