package smolmachines

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func TestLimitOptions(t *testing.T) {
	for _, tt := range []struct {
		nanoCPUs, memory int64
		want             string
		err              string
	}{
		{0, 0, "", ""},
		{1e9, 0, "--cpus 1", ""},
		{16e9, 0, "--cpus 16", ""},
		{5e8, 0, "", "--cpus 0.5: smolvm gives a machine whole CPUs only"},
		{2_250_000_000, 1 << 30, "", "--cpus 2.25: smolvm gives a machine whole CPUs only"},
		{1_000_000_001, 0, "", "whole CPUs only"},
		{0, 512 << 20, "--mem 512", ""},
		{0, 512<<20 + 1, "--mem 513", ""}, // never less than what was asked for
		{0, 64 << 20, "--mem 64", ""},
		{0, 64<<20 - 1, "", "smolvm gives a machine 64MiB at least"},
		{255e9, 0, "--cpus 255", ""},
		{256e9, 0, "", "255 at most"},
		{4e9, 8 << 30, "--cpus 4 --mem 8192", ""}, // the tool's defaults, said all the same
	} {
		got, err := limitOptions(bottlestate.Bottle{NanoCPUs: tt.nanoCPUs, Memory: tt.memory})
		if strings.Join(got, " ") != tt.want || !says(err, tt.err) {
			t.Errorf("%d, %d: %q, %v; want %q, %q", tt.nanoCPUs, tt.memory, got, err, tt.want, tt.err)
		}
	}
}

func TestLimitOptionsHuge(t *testing.T) {
	got, err := limitOptions(bottlestate.Bottle{Memory: math.MaxInt64})
	if err != nil || !slices.Equal(got, []string{"--mem", "8796093022208"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNetworkOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		bottle bottlestate.Bottle
		want   string
		err    string
	}{
		{"nothing asked for", bottlestate.Bottle{}, "--net", ""},
		{"none", bottlestate.Bottle{Network: "none"}, "", ""},
		{"one with a name", bottlestate.Bottle{Network: "lab"}, "--network lab", ""},
		{"a host", bottlestate.Bottle{AllowHosts: []string{"a.example"}}, "--allow-host a.example", ""},
		{"more", bottlestate.Bottle{AllowHosts: []string{"a", "b"}, AllowCIDRs: []string{"10.0.0.0/8", "fd00::/8"}}, "--allow-host a --allow-host b --allow-cidr 10.0.0.0/8 --allow-cidr fd00::/8", ""},
		{"a host of a network", bottlestate.Bottle{Network: "lab", AllowHosts: []string{"a"}}, "--allow-host a --network lab", ""},
		{"ports", bottlestate.Bottle{Ports: []string{"8080:80", "53"}}, "--net --port 8080:80 --port 53:53", ""},
		{"ports and a host", bottlestate.Bottle{AllowHosts: []string{"a"}, Ports: []string{"1:2/tcp"}}, "--allow-host a --port 1:2", ""},
		{"a port that is none", bottlestate.Bottle{Ports: []string{"80:80", "x"}}, "", `port "x"`},
		{"none, and a host", bottlestate.Bottle{Network: "none", AllowHosts: []string{"a"}}, "", "can be allowed nothing"},
	} {
		got, err := networkOptions(tt.bottle)
		if strings.Join(got, " ") != tt.want || !says(err, tt.err) {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestPortOption(t *testing.T) {
	for _, tt := range []struct {
		port, want string
	}{
		{"80", "80:80"},
		{"8080:80", "8080:80"},
		{"8080:80/tcp", "8080:80"},
		{"65535:1", "65535:1"},
		{"", ""},
		{":", ""},
		{"80:", ""},
		{":80", ""},
		{"0:80", ""},
		{"80:0", ""},
		{"65536:80", ""},
		{"-1:80", ""},
		{"+1:80", ""},
		{"0x50:80", ""},
		{" 80", ""},
		{"80:80/udp", ""},
		{"80/tcp:80", ""},
		{"1-3:1-3", ""},
		{"127.0.0.1:80:80", ""},
		{"[::1]:80:80", ""},
		{"80:80:80", ""},
	} {
		got, err := portOption(tt.port)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.port, got, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), `"`+tt.port+`"`) {
			t.Errorf("%q is not in %q", tt.port, err)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	for _, tt := range []struct {
		bottle bottlestate.Bottle
		err    string
	}{
		{bottlestate.Bottle{}, ""},
		{bottlestate.Bottle{Network: "none"}, ""},
		{bottlestate.Bottle{AllowHosts: []string{"api.example.com", "localhost", "10.0.0.1"}}, ""},
		{bottlestate.Bottle{AllowCIDRs: []string{"10.0.0.0/8", "10.1.2.3/8", "::/0", "192.0.2.1/32"}}, ""},
		{bottlestate.Bottle{Network: "lab", AllowCIDRs: []string{"10.0.0.0/8"}}, ""},
		{bottlestate.Bottle{Network: "none", AllowCIDRs: []string{"10.0.0.0/8"}}, "a bottle without a network (--network none) can be allowed nothing"},
		{bottlestate.Bottle{AllowHosts: []string{""}}, `--allow-host "": give the name of a host`},
		{bottlestate.Bottle{AllowHosts: []string{"a", "b:443"}}, `--allow-host "b:443": give the name of a host, without a port`},
		{bottlestate.Bottle{AllowHosts: []string{"https://a"}}, "without a port"},
		{bottlestate.Bottle{AllowHosts: []string{"a/b"}}, "without a port"},
		{bottlestate.Bottle{AllowHosts: []string{"a b"}}, "without a port"},
		{bottlestate.Bottle{AllowHosts: []string{"fd00::1"}}, "without a port"},
		{bottlestate.Bottle{AllowCIDRs: []string{"10.0.0.1"}}, `--allow-cidr "10.0.0.1": `},
		{bottlestate.Bottle{AllowCIDRs: []string{"10.0.0.0/33"}}, `--allow-cidr "10.0.0.0/33": `},
		{bottlestate.Bottle{AllowCIDRs: []string{"a.example/8"}}, `--allow-cidr "a.example/8": `},
		{bottlestate.Bottle{AllowCIDRs: []string{""}}, `--allow-cidr "": `},
	} {
		if err := (&Backend{}).CheckOptions(tt.bottle); !says(err, tt.err) {
			t.Errorf("%+v: %v; want %q", tt.bottle, err, tt.err)
		}
	}
}

func TestVolumeOptions(t *testing.T) {
	for _, tt := range []struct {
		volume, err string
	}{
		{"/src:/dst", ""},
		{"/src:/dst:ro", ""},
		{"/src:/dst:rw", ""},
		{"/src:/.bottles", ""},
		{"data:/dst", "has no volumes with a name"},
		{"./src:/dst", "has no volumes with a name"},
		{"", "has no volumes with a name"},
		{"/src:/dst:z", "knows the options ro and rw"},
		{"/src:/dst:ro,z", "knows the options ro and rw"},
		{"/src:/dst:", "knows the options ro and rw"},
		{"/src:/dst:ro:ro", "knows the options ro and rw"},
		{"/src:/.bottle", "/.bottle is the bottle's own"},
		{"/src:/.bottle/x:ro", "/.bottle is the bottle's own"},
		{"/src:/.bottle/", "/.bottle is the bottle's own"},
		{"/src:/x/../.bottle", "/.bottle is the bottle's own"},
		{"/src://.bottle", "/.bottle is the bottle's own"},
	} {
		got, err := volumeOptions(bottlestate.Bottle{Volumes: []string{tt.volume}})
		if !says(err, tt.err) || err == nil && !slices.Equal(got, []string{"--volume", tt.volume}) {
			t.Errorf("%q: %q, %v; want %q", tt.volume, got, err, tt.err)
		}
	}
}
