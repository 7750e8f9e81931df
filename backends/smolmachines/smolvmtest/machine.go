//go:build linux

package smolvmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// machine is what is known of one. It is kept in machines/NAME.json, for tests
// to look into: the tool shows neither env, mounts nor allow-lists.
type machine struct {
	Name       string            `json:"name"`
	DB         string            `json:"db"` // where it is recorded
	Created    int64             `json:"created"`
	Argv       []string          `json:"argv"`             // of machine create
	Image      string            `json:"image"`            // as the tool shows it
	From       string            `json:"from,omitempty"`   // the artifact, if it was made from one
	Shared     string            `json:"shared,omitempty"` // where that was extracted
	Layer      string            `json:"layer,omitempty"`  // and its layer
	CPUs       int               `json:"cpus"`
	Memory     int               `json:"memory"`
	Storage    *int              `json:"storage"`
	Overlay    *int              `json:"overlay"`
	Mounts     []mount           `json:"mounts"`
	Ports      []port            `json:"ports"`
	Network    bool              `json:"network"`
	NetBackend string            `json:"net_backend,omitempty"`
	NamedNet   string            `json:"named_network,omitempty"`
	DNS        string            `json:"dns,omitempty"`
	AllowHosts []string          `json:"allow_hosts"`
	AllowCIDRs []string          `json:"allow_cidrs"`
	Localhost  bool              `json:"outbound_localhost_only"`
	Labels     map[string]string `json:"labels"`
	Env        []string          `json:"env"`
	Workdir    string            `json:"workdir,omitempty"`
	User       string            `json:"user,omitempty"`
	Secrets    map[string]secret `json:"secrets,omitempty"`
	Entrypoint []string          `json:"entrypoint"`
	Cmd        []string          `json:"cmd"`
	Init       []string          `json:"init,omitempty"`

	// State is created, running or stopped; what a running one is like now is
	// found out when somebody asks.
	State         string `json:"state"`
	InitCompleted bool   `json:"init_completed"`
	// Config is what the image says of its programs.
	Config  imageConfig    `json:"config"`
	Process fakevm.Process `json:"process"`
	// Execs counts those since the start.
	Execs int `json:"execs"`

	settings settings
}

type (
	mount struct {
		Host     string `json:"host"`
		Guest    string `json:"guest"`
		ReadOnly bool   `json:"read_only"`
	}
	port struct {
		Host  int `json:"host"`
		Guest int `json:"guest"`
	}
	imageConfig struct {
		Env     []string `json:"env"`
		Workdir string   `json:"workdir,omitempty"`
		User    string   `json:"user,omitempty"`
	}
	// secret says where a value comes from when a program starts.
	secret struct {
		Env  string `json:"env,omitempty"`
		File string `json:"file,omitempty"`
	}
)

func (s settings) record(name string) string { return s.path("machines", name+".json") }

// machine reads one machine; it is nil if there is none.
func (s settings) machine(name string) (*machine, error) {
	m, err := s.anywhere(name)
	if m != nil && s.db != "" && m.DB != s.db {
		return nil, err
	}
	return m, err
}

// anywhere reads one machine, also one of another record of machines.
func (s settings) anywhere(name string) (*machine, error) {
	if checkName(name) != "" {
		return nil, nil
	}
	m := &machine{settings: s}
	err := fakevm.ReadJSON(s.record(name), m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return m, err
}

// everywhere lists the machines of all records of them: their disks, and what
// they were made from, are in one place.
func (s settings) everywhere() ([]*machine, error) {
	s.db = ""
	return s.machines()
}

func (s settings) machines() ([]*machine, error) {
	entries, err := os.ReadDir(s.path("machines"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []*machine
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok {
			continue
		}
		m, err := s.machine(name)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, m)
		}
	}
	return all, nil
}

// get finds the machine that --name means.
func (c *call) get() (*machine, error) {
	name := c.name()
	m, err := c.machine(name)
	if err == nil && m == nil {
		err = notFound(name)
	}
	return m, err
}

func (c *call) name() string {
	if c.has("name") {
		return c.value("name")
	}
	return "default"
}

func (m *machine) save() error { return fakevm.WriteJSON(m.settings.record(m.Name), m) }

// change reads the machine again, changes it and saves it, alone.
func (m *machine) change(do func(*machine)) error {
	unlock, err := m.settings.lock()
	if err != nil {
		return err
	}
	defer unlock()
	fresh, err := m.settings.machine(m.Name)
	if err != nil {
		return err
	}
	if fresh == nil {
		return notFound(m.Name)
	}
	do(fresh)
	*m = *fresh
	return m.save()
}

// lock makes this call the only one that changes what is known.
func (s settings) lock() (unlock func(), err error) { return fakevm.Lock(s.path("state.lock"), 0) }

// dir holds what belongs to the machine alone.
func (m *machine) dir() string {
	sum := sha256.Sum256([]byte(m.Name))
	return m.settings.path("vms", hex.EncodeToString(sum[:8]))
}

func (m *machine) file(name string) string { return filepath.Join(m.dir(), name) }

// rootfs is the container's root, and the overlay over the image with it.
func (m *machine) rootfs() string { return m.file("rootfs") }

func (m *machine) started() bool {
	_, err := os.Stat(m.rootfs())
	return err == nil
}

// state is what the machine is now.
func (m *machine) state() string {
	if told, ok := m.settings.states[m.Name]; ok && (told != "unreachable" || m.alive()) {
		return told
	}
	if m.State == "running" && !m.alive() {
		return "stopped" // as after a reboot
	}
	return m.State
}

func (m *machine) alive() bool { return m.State == "running" && m.Process.Alive() }

// pid is nil unless there is a process.
func (m *machine) pid() any {
	if !m.alive() {
		return nil
	}
	return m.Process.Pid
}

func now() int64 { return time.Now().Unix() }
