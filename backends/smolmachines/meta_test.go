package smolmachines

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// What a workload's arguments say of a bottle is read again, wherever the tool
// puts them.
func TestMeta(t *testing.T) {
	full := bottlestate.Bottle{
		Entrypoint: []string{"/init", "--"},
		Command:    []string{"a b", `q"u'o\te`, "", "docker-bottle", "naïve <&>"},
		Volumes:    []string{"/a:/b:ro"},
		Tmpfs:      []string{"/t:size=1m"},
		Ports:      []string{"80:81"},
		Network:    "lab",
		AllowHosts: []string{"a.example"},
		AllowCIDRs: []string{"10.0.0.0/8"},
		NanoCPUs:   2e9,
		Memory:     1 << 40,
	}
	image := imageMeta{User: "dev:wheel", WorkingDir: "/work dir", Entrypoint: []string{"/of the image"}}
	for name, bottle := range map[string]bottlestate.Bottle{"all": full, "nothing": {}} {
		bottle.Entrypoint, bottle.Command = backends.SnapshotCommand(bottle) // which is never none
		args, err := workload(bottle, image)
		if err != nil {
			t.Fatal(err)
		}
		// An artifact's entrypoint is sh where the machine had none.
		for _, all := range [][]string{args, append([]string{"/bin/sh"}, args...), slices.Concat(args, []string{metaName, "{}"})} {
			known, ok := findMeta(all)
			if !ok || known.User != image.User || known.WorkingDir != image.WorkingDir {
				t.Errorf("%s: %+v, %v", name, known, ok)
			}
			var got bottlestate.Bottle
			known.recall(&got)
			if !reflect.DeepEqual(got, bottle) {
				t.Errorf("%s:\n got %+v\nwant %+v", name, got, bottle)
			}
		}
		if m := (machine{Entrypoint: args[:2], Cmd: args[2:]}); m.meta().User != image.User {
			t.Errorf("%s: of a machine: %+v", name, m.meta())
		}
		if known, ours := (manifest{Entrypoint: args[:1], Cmd: args[1:], Workdir: "/other"}).meta(); !ours || known.WorkingDir != image.WorkingDir {
			t.Errorf("%s: of an artifact: %+v, %v", name, known, ours)
		}
	}
}

func TestFindMetaFails(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"/bin/sh"},
		{"/bin/sh", "-c", backends.KeepAlive},
		{"/bin/sh", "-c", backends.KeepAlive, metaName},
		{"/bin/sh", "-c", backends.KeepAlive, metaName, ""},
		{"/bin/sh", "-c", backends.KeepAlive, metaName, "{"},
		{"/bin/sh", "-c", backends.KeepAlive, metaName, "[]"},
		{"/bin/sh", "-c", backends.KeepAlive, "docker-bottles", "{}"},
	} {
		if m, ok := findMeta(args); ok {
			t.Errorf("%q: %+v", args, m)
		}
	}
}

func TestMachineState(t *testing.T) {
	for _, tt := range []struct {
		state string
		want  backends.State
		busy  string
	}{
		{"running", backends.Running, ""},
		{"created", backends.Stopped, ""},
		{"stopped", backends.Stopped, ""},
		{"failed", backends.Stopped, ""},
		{"unreachable", "unreachable", "machine bottle-web is unreachable, it does not answer; to end what is in it: smolvm machine stop --name bottle-web"},
		{"paused", "paused", "machine bottle-web is paused: smolvm machine resume --name bottle-web"},
		{"frozen", "frozen", "machine bottle-web is frozen; see: smolvm machine status --name bottle-web"},
		{"gone", "gone", "machine bottle-web is gone; see: smolvm machine status --name bottle-web"},
		{"Running", "Running", "machine bottle-web is Running; see: smolvm machine status --name bottle-web"},
		{"", "", "machine bottle-web is ; see: smolvm machine status --name bottle-web"},
	} {
		m := machine{Name: "bottle-web", State: tt.state}
		if got := m.state(); got != tt.want {
			t.Errorf("%q is %q, want %q", tt.state, got, tt.want)
		}
		if text := (&busyError{m}).Error(); tt.busy != "" && text != tt.busy {
			t.Errorf("%q: %q, want %q", tt.state, text, tt.busy)
		}
	}
}

// A machine is read as the tool prints it.
func TestMachineJSON(t *testing.T) {
	var m machine
	err := json.Unmarshal([]byte(`{"name":"bottle-web","state":"running","cpus":4,"memory_mib":8192,"pid":null,"created_at":1700000000,"entrypoint":["/bin/sh"],"cmd":[],"labels":{"`+backends.ContainerLabel+`":"web"}}`), &m)
	want := machine{
		Name: "bottle-web", State: "running", CPUs: 4, MemoryMiB: 8192, CreatedAt: 1700000000,
		Entrypoint: []string{"/bin/sh"}, Cmd: []string{}, Labels: map[string]string{backends.ContainerLabel: "web"},
	}
	if err != nil || !reflect.DeepEqual(m, want) || m.slug() != "web" {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
}

func TestVersionText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"smolvm 1.12.0", "1.12.0"},
		{"smolvm 1.23.10", "1.23.10"},
		{"smolvm 2.0.0-rc.1", "2.0.0-rc.1"},
		{"smolvm 1.12.0+abc", "1.12.0+abc"},
		{"smolvm 1.12", ""},
		{"smolvm v1.12.0", ""},
		{"smolvm, version 1.12.0", ""},
		{"SmolVM 1.12.0", ""},
		{"smolvm 1.12.0 (abc)", ""},
		{"smolvm 1.12.0\nsmolvm 1.13.0", ""},
		{"a smolvm 1.12.0", ""},
		{"", ""},
	} {
		found := versionText.FindStringSubmatch(tt.text)
		if strings.Join(found[min(1, len(found)):], "") != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, found, tt.want)
		}
	}
}
