//go:build linux

package containertest

import (
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The tool's own types: the names of the fields are those of its JSON.
type (
	configuration struct {
		ID               string            `json:"id"`
		Image            imageName         `json:"image"`
		InitProcess      process           `json:"initProcess"`
		Labels           map[string]string `json:"labels"`
		CreationDate     time.Time         `json:"creationDate"`
		Platform         platform          `json:"platform"`
		Resources        resources         `json:"resources"`
		Mounts           []mount           `json:"mounts"`
		Networks         []network         `json:"networks"`
		DNS              *dns              `json:"dns,omitempty"`
		PublishedPorts   []port            `json:"publishedPorts"`
		PublishedSockets []socket          `json:"publishedSockets"`
		Sysctls          map[string]string `json:"sysctls"`
		CapAdd           []string          `json:"capAdd"`
		CapDrop          []string          `json:"capDrop"`
		Rosetta          bool              `json:"rosetta"`
		SSH              bool              `json:"ssh"`
		ReadOnly         bool              `json:"readOnly"`
		UseInit          bool              `json:"useInit"`
		Virtualization   bool              `json:"virtualization"`
		RuntimeHandler   string            `json:"runtimeHandler"`
		ShmSize          uint64            `json:"shmSize,omitempty"`
		StopSignal       string            `json:"stopSignal,omitempty"`
		MaskedPaths      []string          `json:"maskedPaths,omitempty"`
		ReadonlyPaths    []string          `json:"readonlyPaths,omitempty"`
	}
	imageName struct {
		Reference  string             `json:"reference"`
		Descriptor ocispec.Descriptor `json:"descriptor"`
	}
	process struct {
		Executable         string   `json:"executable"`
		Arguments          []string `json:"arguments"`
		Environment        []string `json:"environment"`
		WorkingDirectory   string   `json:"workingDirectory"`
		Terminal           bool     `json:"terminal"`
		User               user     `json:"user"`
		SupplementalGroups []int    `json:"supplementalGroups"`
		Rlimits            []rlimit `json:"rlimits"`
	}
	user struct {
		ID  *userID  `json:"id,omitempty"`
		Raw *userRaw `json:"raw,omitempty"`
	}
	userID struct {
		UID int `json:"uid"`
		GID int `json:"gid"`
	}
	userRaw struct {
		UserString string `json:"userString"`
	}
	rlimit struct {
		Limit string `json:"limit"`
		Soft  uint64 `json:"soft"`
		Hard  uint64 `json:"hard"`
	}
	platform struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant,omitempty"`
	}
	resources struct {
		CPUs          int    `json:"cpus"`
		MemoryInBytes uint64 `json:"memoryInBytes"`
		CPUOverhead   int    `json:"cpuOverhead"`
	}
	mount struct {
		Type        map[string]any `json:"type"`
		Source      string         `json:"source"`
		Destination string         `json:"destination"`
		Options     []string       `json:"options"`
	}
	network struct {
		Network string         `json:"network"`
		Options networkOptions `json:"options"`
	}
	networkOptions struct {
		Hostname   string `json:"hostname"`
		MTU        int    `json:"mtu"`
		MACAddress string `json:"macAddress,omitempty"`
	}
	dns struct {
		Nameservers   []string `json:"nameservers"`
		Domain        string   `json:"domain,omitempty"`
		SearchDomains []string `json:"searchDomains"`
		Options       []string `json:"options"`
	}
	port struct {
		HostAddress   string `json:"hostAddress"`
		HostPort      int    `json:"hostPort"`
		ContainerPort int    `json:"containerPort"`
		Proto         string `json:"proto"`
		Count         int    `json:"count"`
	}
	socket struct {
		HostPath      string `json:"hostPath"`
		ContainerPath string `json:"containerPath"`
	}
)

// attachment is a network that a running container is on.
type attachment struct {
	Network     string `json:"network"`
	Hostname    string `json:"hostname"`
	IPv4Address string `json:"ipv4Address"`
	IPv4Gateway string `json:"ipv4Gateway"`
	MTU         int    `json:"mtu,omitempty"`
}

const gateway = "192.168.64.1"

func (c *container) attachments() []attachment {
	attached := []attachment{}
	b := c.lastBoot()
	if !c.running() || b.Address == "" {
		return attached
	}
	for _, n := range c.Configuration.Networks {
		attached = append(attached, attachment{n.Network, n.Options.Hostname, b.Address + "/24", gateway, n.Options.MTU})
	}
	return attached
}

// view is a container as list and inspect show it.
func (c *container) view(v version) map[string]any {
	b := c.lastBoot()
	state := "stopped"
	if c.running() {
		state = "running"
	}
	if !v.atLeast(1, 0, 0) {
		old := struct {
			configuration
			CreationDate any `json:"creationDate,omitempty"` // came with the new dates
		}{configuration: c.Configuration}
		view := map[string]any{"status": state, "configuration": old, "networks": c.attachments()}
		if !b.Started.IsZero() {
			view["startedDate"] = b.Started.Sub(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)).Seconds()
		}
		return view
	}
	status := map[string]any{"state": state, "networks": c.attachments()}
	if !b.Started.IsZero() {
		status["startedDate"] = b.Started.Truncate(time.Second)
	}
	return map[string]any{"id": c.id(), "configuration": c.Configuration, "status": status}
}
