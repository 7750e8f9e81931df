//go:build linux

package containertest

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func (c *call) networks(conf *configuration) error {
	conf.Networks = []network{}
	names := c.flags["network"]
	if len(names) == 0 {
		names = []string{"default"}
	}
	for _, spec := range names {
		name, rest, _ := strings.Cut(spec, ",")
		if name == "none" {
			if len(names) > 1 || rest != "" {
				return failed("unsupported", "no other networks may be created along with network none")
			}
			break
		}
		if name != "default" {
			return failed("notFound", "network %s not found", name)
		}
		n := network{Network: name, Options: networkOptions{Hostname: conf.ID, MTU: 1280}}
		for _, item := range list(rest, ",") {
			key, value, _ := strings.Cut(item, "=")
			mtu, err := strconv.Atoi(value)
			switch {
			case key == "mac":
				n.Options.MACAddress = value
			case key == "mtu" && err == nil && mtu >= 1280 && mtu <= 65535:
				n.Options.MTU = mtu
			default:
				return failed("invalidArgument", "invalid network property %s", item)
			}
		}
		conf.Networks = append(conf.Networks, n)
	}
	return c.nameservers(conf)
}

func (c *call) nameservers(conf *configuration) error {
	if c.has("no-dns") {
		if c.has("dns") || c.has("dns-domain") || c.has("dns-option") || c.has("dns-search") {
			return c.command.refuse("`--no-dns` cannot be used with other DNS configuration flags")
		}
		return nil
	}
	conf.DNS = &dns{
		Nameservers:   append([]string{}, c.flags["dns"]...),
		Domain:        c.last("dns-domain"),
		SearchDomains: append([]string{}, c.flags["dns-search"]...),
		Options:       append([]string{}, c.flags["dns-option"]...),
	}
	return nil
}

var published = regexp.MustCompile(`^(?:(\[[^\]]*\]|[^:].*):)?([^:].*):([^:/]*)(?:/(.*))?$`)

func (c *call) publish(conf *configuration) error {
	conf.PublishedPorts, conf.PublishedSockets = []port{}, []socket{}
	for _, spec := range c.flags["publish"] {
		p, err := publishedPort(spec)
		if err != nil {
			return err
		}
		conf.PublishedPorts = append(conf.PublishedPorts, p)
	}
	for _, spec := range c.flags["publish-socket"] {
		host, inside, ok := strings.Cut(spec, ":")
		if !ok || !filepath.IsAbs(inside) {
			return failed("invalidArgument", "invalid publish-socket value: %s", spec)
		}
		conf.PublishedSockets = append(conf.PublishedSockets, socket{host, inside})
	}
	return nil
}

func publishedPort(spec string) (port, error) {
	m := published.FindStringSubmatch(spec)
	if m == nil {
		return port{}, failed("invalidArgument", "invalid publish value: %s", spec)
	}
	p := port{HostAddress: getOr(m[1], "0.0.0.0"), Proto: getOr(strings.ToLower(m[4]), "tcp")}
	if p.Proto != "tcp" && p.Proto != "udp" {
		return p, failed("invalidArgument", "invalid publish protocol: %s", p.Proto)
	}
	kind := "IPv4"
	if strings.HasPrefix(p.HostAddress, "[") {
		kind, p.HostAddress = "IPv6", strings.Trim(p.HostAddress, "[]")
	}
	if address, err := netip.ParseAddr(p.HostAddress); err != nil || address.Is4() != (kind == "IPv4") {
		return p, failed("invalidArgument", "invalid publish %s address: %s", kind, spec)
	}
	var err error
	if p.HostPort, p.Count, err = portRange(m[2], "host"); err != nil {
		return p, err
	}
	count := 0
	if p.ContainerPort, count, err = portRange(m[3], "container"); err != nil {
		return p, err
	}
	if count != p.Count {
		return p, failed("invalidArgument", "publish host and container port counts are not equal: %s:%s", m[2], m[3])
	}
	return p, nil
}

// portRange reads a port, or the first and the last of several. There is no
// port 1.
func portRange(text, of string) (first, count int, err error) {
	begin, end, ranged := strings.Cut(text, "-")
	a, errA := strconv.ParseUint(begin, 10, 16)
	b, errB := a, error(nil)
	if ranged {
		b, errB = strconv.ParseUint(end, 10, 16)
	}
	if errA != nil || errB != nil {
		return 0, 0, failed("invalidArgument", "invalid publish %s port: %s", of, text)
	}
	if a < 2 || b < a {
		return 0, 0, failed("invalidArgument", "invalid publish %s port range: %s", of, text)
	}
	return int(a), int(b-a) + 1, nil
}
