package smolmachines

import (
	"encoding/json"
	"slices"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// imageMeta is what smolvm forgets of an image when a machine is frozen, and
// what the agent's command is, in whose place a machine has its workload. It
// is an argument of the workload, which does not look at it: so it is in the
// machine's status and in every artifact's manifest.
type imageMeta struct {
	User       string   `json:"user,omitempty"`
	WorkingDir string   `json:"working_dir,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	Command    []string `json:"command,omitempty"`
}

// metaName is the workload's own name, after which the meta comes.
const metaName = "docker-bottle"

// workload returns the command that keeps a machine alive, with the meta of
// the image and the command that the bottle has.
func workload(bottle bottlestate.Bottle, meta imageMeta) ([]string, error) {
	meta.Entrypoint, meta.Command = backends.SnapshotCommand(bottle)
	data, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	return []string{"/bin/sh", "-c", backends.KeepAlive, metaName, string(data)}, nil
}

// findMeta returns the meta in a workload's arguments, if it is there.
func findMeta(args []string) (meta imageMeta, ok bool) {
	i := slices.Index(args, metaName)
	if i < 0 || i+1 >= len(args) {
		return imageMeta{}, false
	}
	err := json.Unmarshal([]byte(args[i+1]), &meta)
	return meta, err == nil
}
