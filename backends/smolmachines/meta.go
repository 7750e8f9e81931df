package smolmachines

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// imageMeta is what smolvm forgets of an image when a machine is frozen, and
// what the agent's command is, in whose place a machine has its workload.
type imageMeta struct {
	User       string   `json:"user,omitempty"`
	WorkingDir string   `json:"working_dir,omitempty"`
	Env        []string `json:"env,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Command    []string `json:"command,omitempty"`
	// Labels are those that speak of the agent.
	Labels map[string]string `json:"labels,omitempty"`
}

// meta is what smolvm does not tell of a machine, or an artifact does not hold.
// It is an argument of the workload, which does not look at it: so it is in the
// machine's status and in every artifact's manifest, and a record that was lost
// can be written again. A network that was closed must not come back open.
type meta struct {
	imageMeta
	Volumes    []string `json:"volumes,omitempty"`
	Tmpfs      []string `json:"tmpfs,omitempty"`
	Ports      []string `json:"ports,omitempty"`
	Network    string   `json:"network,omitempty"`
	AllowHosts []string `json:"allow_hosts,omitempty"`
	AllowCIDRs []string `json:"allow_cidrs,omitempty"`
	NanoCPUs   int64    `json:"nano_cpus,omitempty"`
	Memory     int64    `json:"memory,omitempty"`
}

// metaName is the workload's own name, after which the meta comes.
const metaName = "docker-bottle"

// workload returns the command that keeps a machine alive, with what is to be
// known of the bottle and of the image that it is made from.
func workload(bottle bottlestate.Bottle, image imageMeta) ([]string, error) {
	image.Entrypoint, image.Command = backends.SnapshotCommand(bottle)
	image.Labels = maps.Clone(image.Labels)
	if delete(image.Labels, backends.ContinueLabel); bottle.Continue != "" {
		if image.Labels == nil {
			image.Labels = map[string]string{}
		}
		image.Labels[backends.ContinueLabel] = bottle.Continue
	}
	data, err := json.Marshal(meta{
		imageMeta:  image,
		Volumes:    bottle.Volumes,
		Tmpfs:      bottle.Tmpfs,
		Ports:      bottle.Ports,
		Network:    bottle.Network,
		AllowHosts: bottle.AllowHosts,
		AllowCIDRs: bottle.AllowCIDRs,
		NanoCPUs:   bottle.NanoCPUs,
		Memory:     bottle.Memory,
	})
	if err != nil {
		return nil, err
	}
	return []string{"/bin/sh", "-c", backends.KeepAlive, metaName, string(data)}, nil
}

// findMeta returns the meta in a workload's arguments, if it is there.
func findMeta(args []string) (m meta, ok bool) {
	i := slices.Index(args, metaName)
	if i < 0 || i+1 >= len(args) {
		return meta{}, false
	}
	err := json.Unmarshal([]byte(args[i+1]), &m)
	return m, err == nil
}

// checkNetwork refuses to open the network of a bottle that had a closed one:
// of that an artifact alone says nothing, and its record may be elsewhere.
func (m meta) checkNetwork(bottle bottlestate.Bottle) error {
	if bottle.Network != "" || len(bottle.AllowHosts)+len(bottle.AllowCIDRs) > 0 {
		return nil
	}
	switch {
	case m.Network == noNetwork:
		return errors.New("this was made of a bottle without a network: give --network none, or what it may reach (--allow-host, --allow-cidr; all of it is 0.0.0.0/0 and ::/0)")
	case len(m.AllowHosts)+len(m.AllowCIDRs) > 0:
		return fmt.Errorf("this was made of a bottle that could reach only %s: give what this one may (--allow-host, --allow-cidr; all of it is 0.0.0.0/0 and ::/0)", strings.Join(slices.Concat(m.AllowHosts, m.AllowCIDRs), ", "))
	}
	return nil
}

// recall gives the bottle what the meta knows of it.
func (m meta) recall(bottle *bottlestate.Bottle) {
	bottle.Entrypoint, bottle.Command, bottle.Continue = m.Entrypoint, m.Command, m.Labels[backends.ContinueLabel]
	bottle.Volumes, bottle.Tmpfs, bottle.Ports = m.Volumes, m.Tmpfs, m.Ports
	bottle.Network, bottle.AllowHosts, bottle.AllowCIDRs = m.Network, m.AllowHosts, m.AllowCIDRs
	bottle.NanoCPUs, bottle.Memory = m.NanoCPUs, m.Memory
}
