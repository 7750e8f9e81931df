//go:build linux

package smolvmtest

import (
	"encoding/json"
	"fmt"
	"os"
)

func statusCommand() *command {
	return &command{
		path:    "machine status",
		about:   "Show the state of a machine",
		options: "-n --name <NAME>\n--json",
		run:     runStatus,
	}
}

func runStatus(c *call) error {
	m, err := c.machine(c.name())
	switch {
	case err != nil:
		return err
	case m == nil && c.has("json"):
		return configError("machine status", "machine '%s' not found", c.name())
	case m == nil:
		return notFound(c.name())
	case c.has("json"):
		return print(m.view())
	}
	state := m.state()
	if state == "running" {
		state = fmt.Sprintf("running (PID: %d)", m.Process.Pid)
	}
	fmt.Printf("Machine '%s': %s\n", m.Name, state)
	return nil
}

// view is a machine as status and ls show it.
func (m *machine) view() map[string]any {
	return map[string]any{
		"name": m.Name, "state": m.state(), "pid": m.pid(), "created_at": m.Created,
		"cpus": m.CPUs, "memory_mib": m.Memory, "storage_gb": m.Storage, "overlay_gb": m.Overlay,
		"mounts": len(m.Mounts), "ports": len(m.Ports), "network": m.Network,
		"image": m.Image, "entrypoint": texts(m.Entrypoint), "cmd": texts(m.Cmd), "labels": m.Labels,
		"ephemeral": false, "gpu": false, "gpu_vram_mib": nil, "cuda": false,
		"forkable": false, "forkpoint_held": false, "cuda_fork_pool_size": nil, "cuda_vram_limit_mib": nil,
		"restart_policy": "never", "restart_max_retries": 0, "restart_count": 0,
		"health_cmd": nil, "health_interval_secs": nil, "health_timeout_secs": nil,
		"health_retries": nil, "health_startup_grace_secs": nil,
	}
}

func texts(list []string) []string { return append([]string{}, list...) }

func print(value any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
