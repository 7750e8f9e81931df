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

var published = regexp.MustCompile(`^(?:(.+):)?(\d+):(\d+)(?:/(tcp|udp))?$`)

func (c *call) publish(conf *configuration) error {
	conf.PublishedPorts, conf.PublishedSockets = []port{}, []socket{}
	for _, spec := range c.flags["publish"] {
		m := published.FindStringSubmatch(spec)
		if m == nil {
			return failed("invalidArgument", "invalid publish value: %s", spec)
		}
		p := port{HostAddress: getOr(strings.Trim(m[1], "[]"), "0.0.0.0"), Proto: getOr(m[4], "tcp"), Count: 1}
		if _, err := netip.ParseAddr(p.HostAddress); err != nil {
			return failed("invalidArgument", "invalid publish IPv4 address: %s", m[1])
		}
		p.HostPort, _ = strconv.Atoi(m[2])
		p.ContainerPort, _ = strconv.Atoi(m[3])
		if max(p.HostPort, p.ContainerPort) > 65535 || min(p.HostPort, p.ContainerPort) < 1 {
			return failed("invalidArgument", "invalid publish value: %s", spec)
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
