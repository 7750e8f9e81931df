package docker

import (
	"fmt"
	"net/netip"

	"github.com/docker/go-connections/nat"
	"github.com/moby/moby/api/types/network"
)

// published turns ports in docker's notation into what the engine takes: those
// of the container, and where on the host they are.
func published(specs []string) (network.PortSet, network.PortMap, error) {
	_, bindings, err := nat.ParsePortSpecs(specs)
	if err != nil {
		return nil, nil, fmt.Errorf("--publish: %w", err)
	}
	exposed, all := network.PortSet{}, network.PortMap{}
	for key, places := range bindings {
		port, err := network.ParsePort(string(key))
		if err != nil {
			return nil, nil, fmt.Errorf("--publish: %w", err)
		}
		exposed[port] = struct{}{}
		for _, place := range places {
			binding := network.PortBinding{HostPort: place.HostPort}
			if place.HostIP != "" {
				if binding.HostIP, err = netip.ParseAddr(place.HostIP); err != nil {
					return nil, nil, fmt.Errorf("--publish: %w", err)
				}
			}
			all[port] = append(all[port], binding)
		}
	}
	return exposed, all, nil
}
