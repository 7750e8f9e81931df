package bottlestate

import (
	"fmt"
	"time"
)

// Version is the layout of the records that this package writes. A record
// with a higher one was written by a newer program and is not touched.
const Version = 1

// Bottle is what was asked for when a bottle was started. It holds all that is
// needed to make the bottle's container again, from a snapshot or from the
// Dockerfile. Secrets are kept by name only.
type Bottle struct {
	Version int  `json:"version"`
	Slug    Slug `json:"slug"`

	// Agent is the agent's name or directory as the user gave it, or empty
	// for a bottle from an image.
	Agent string `json:"agent,omitempty"`
	// Dockerfile and BuildContext are absolute paths. Both are empty for a
	// built-in agent, which is found by name, and for a bottle from an image.
	Dockerfile   string `json:"dockerfile,omitempty"`
	BuildContext string `json:"build_context,omitempty"`
	// Image is the reference given with --image.
	Image string `json:"image,omitempty"`

	Backend string `json:"backend"`
	// Context and Endpoint say which engine the bottle belongs to, in the
	// backend's own terms (for Docker: the CLI's context and its host).
	Context  string `json:"context,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`

	// Entrypoint comes from the image, Command from the user or the image;
	// together they are the agent's argument list.
	Entrypoint []string `json:"entrypoint,omitempty"`
	Command    []string `json:"command,omitempty"`
	// Continue is a command line for sh that goes on with the agent's last
	// conversation, from the image's label; empty if there is none.
	Continue string `json:"continue,omitempty"`

	// Workspace is the absolute path of the directory that was copied to
	// /work at start. It is never copied a second time.
	Workspace string   `json:"workspace,omitempty"`
	Volumes   []string `json:"volumes,omitempty"`
	Tmpfs     []string `json:"tmpfs,omitempty"`
	Env       []string `json:"env,omitempty"`
	Secrets   []string `json:"secrets,omitempty"`
	// AgentSecrets are variables that the agent's own image asks for. Those
	// that are set where it is run are handed to it like Secrets.
	AgentSecrets []string `json:"agent_secrets,omitempty"`
	Network      string   `json:"network,omitempty"`
	// AllowHosts and AllowCIDRs are all that the bottle may reach, if there
	// are any.
	AllowHosts []string `json:"allow_hosts,omitempty"`
	AllowCIDRs []string `json:"allow_cidrs,omitempty"`
	// Ports are published, each HOST:BOTTLE in docker's notation.
	Ports []string `json:"ports,omitempty"`
	// NanoCPUs is in billionths of a CPU, Memory in bytes; 0 means no limit.
	NanoCPUs int64 `json:"nano_cpus,omitempty"`
	Memory   int64 `json:"memory,omitempty"`
	// Remove is --rm: the bottle goes when its agent ends, unless preserved.
	Remove  bool      `json:"remove,omitempty"`
	Created time.Time `json:"created"`

	unknown
}

// Argv returns the agent's argument list.
func (b Bottle) Argv() []string {
	return append(append([]string{}, b.Entrypoint...), b.Command...)
}

// Mount is a place in a bottle that no snapshot holds.
type Mount struct {
	// Type is "bind", "volume" or "tmpfs", or "storage" for a place that the
	// engine itself keeps out of snapshots.
	Type string `json:"type"`
	// Source is a host path or a volume's name; empty for a tmpfs and for
	// a volume without a name.
	Source string `json:"source,omitempty"`
	Target string `json:"target"`
}

func (m Mount) String() string {
	if m.Source == "" {
		return fmt.Sprintf("%s (%s)", m.Target, m.Type)
	}
	return fmt.Sprintf("%s (%s %s)", m.Target, m.Type, m.Source)
}

// Snapshot is the record of one commit. It is written once.
type Snapshot struct {
	Version int `json:"version"`
	Number  int `json:"number"`
	// Reference names the artifact in the backend's own terms.
	Reference string `json:"reference"`
	Digest    string `json:"digest,omitempty"`
	Backend   string `json:"backend"`
	// Parent is the number of the snapshot that this one grew from, or 0.
	Parent  int    `json:"parent,omitempty"`
	Message string `json:"message,omitempty"`
	// Created is the engine's own time of the artifact.
	Created time.Time `json:"created"`
	// Size is in bytes, everything included that is needed to boot from it.
	Size        int64   `json:"size"`
	NotCaptured []Mount `json:"not_captured,omitempty"`
	// Restarted is set if the bottle was stopped to be frozen, and started
	// again, which has ended the programs in it.
	Restarted bool `json:"restarted,omitempty"`
	// Stopped is set if the bottle did not run while it was frozen.
	Stopped bool `json:"stopped,omitempty"`
	// Compacted is set if it was made from its parent alone, with the same
	// tree.
	Compacted bool `json:"compacted,omitempty"`
	// Took is how long it took to make, and Still for how much of that the
	// bottle's programs stood still; in nanoseconds.
	Took          time.Duration `json:"took,omitempty"`
	Still         time.Duration `json:"still,omitempty"`
	EngineVersion string        `json:"engine_version,omitempty"`
	Architecture  string        `json:"architecture,omitempty"`

	unknown
}
