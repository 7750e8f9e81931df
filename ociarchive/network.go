package ociarchive

import (
	"archive/tar"
	"bytes"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// Network says which lines of /etc/hosts and /etc/resolv.conf the runtime has
// written into the tree when it booted the container. They are dropped, all
// others stay, and so do files of more than 1 MiB and ones that are links.
type Network struct {
	// Host is the container's name, Addresses are what it stood for.
	Host      string
	Addresses []netip.Addr
	// Nameservers are addresses outside the container, as of its gateway.
	Nameservers []netip.Addr
}

// maxEdited is the size up to which a file is held in memory.
const maxEdited = 1 << 20

// edit returns the entry as it is to be kept. All of it but size and content
// is as it was.
func (n Network) edit(hdr *tar.Header, content io.Reader) (io.Reader, error) {
	var drop func(line string) bool
	switch hdr.Name {
	case "etc/hosts":
		drop = n.isHost
	case "etc/resolv.conf":
		drop = n.isNameserver
	}
	if drop == nil || hdr.Typeflag != tar.TypeReg || hdr.Size > maxEdited {
		return content, nil
	}
	b, err := io.ReadAll(content)
	if err != nil {
		return nil, err
	}
	b = dropLines(b, drop)
	hdr.Size = int64(len(b))
	return bytes.NewReader(b), nil
}

// dropLines returns b itself if there is nothing to drop, and nothing if only
// empty lines would be left.
func dropLines(b []byte, drop func(line string) bool) []byte {
	var kept []byte
	for line := range bytes.Lines(b) {
		if !drop(string(line)) {
			kept = append(kept, line...)
		}
	}
	if len(kept) < len(b) && len(bytes.TrimSpace(kept)) == 0 {
		return nil
	}
	return kept
}

// isHost reports whether a line of /etc/hosts is about an address of the
// container, or gives its name, and no other, an address that is not known to
// be its. A name for this machine itself holds wherever the tree is booted.
func (n Network) isHost(line string) bool {
	line, _, _ = strings.Cut(line, "#")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(fields[0])
	if err != nil || addr.IsLoopback() {
		return false
	}
	if slices.Contains(n.Addresses, addr) {
		return true
	}
	return n.Host != "" && len(fields) == 2 && fields[1] == n.Host
}

func (n Network) isNameserver(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0] != "nameserver" {
		return false
	}
	addr, err := netip.ParseAddr(fields[1])
	return err == nil && slices.Contains(n.Nameservers, addr)
}
