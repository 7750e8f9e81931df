package macoscontainer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

func TestCheckOptions(t *testing.T) {
	for _, tt := range []struct {
		bottle bottlestate.Bottle
		err    string
	}{
		{bottlestate.Bottle{}, ""},
		{bottlestate.Bottle{Network: "none", NanoCPUs: 2e9, Memory: 200 << 20}, ""},
		{bottlestate.Bottle{AllowHosts: []string{"a"}}, "backend macos-container cannot keep a bottle to the hosts it may reach (--allow-host, --allow-cidr)"},
		{bottlestate.Bottle{AllowCIDRs: []string{"10.0.0.0/8"}}, "backend macos-container cannot keep a bottle to the hosts it may reach"},
		{bottlestate.Bottle{NanoCPUs: 15e8}, "--cpus 1.5: container gives a bottle whole CPUs only"},
		{bottlestate.Bottle{Memory: 200<<20 - 1}, "--memory 200MiB: container gives a bottle 200MiB at least"},
		{bottlestate.Bottle{Memory: 6 << 20}, "--memory 6MiB: "},
		{bottlestate.Bottle{Ports: []string{"80:80"}}, ""},
		{bottlestate.Bottle{Ports: []string{"127.0.0.1:8080:80/udp", "[::1]:8080:80", "8000-8002:9000-9002/tcp"}}, ""},
		{bottlestate.Bottle{Ports: []string{"80"}}, `--publish "80": container publishes [ADDRESS:]HOST:BOTTLE[/tcp|/udp]`},
		{bottlestate.Bottle{Ports: []string{"80:80/sctp"}}, `--publish "80:80/sctp": container publishes [ADDRESS:]`},
		{bottlestate.Bottle{Ports: []string{"::1:80:80"}}, `--publish "::1:80:80": container publishes [ADDRESS:]`},
		{bottlestate.Bottle{Ports: []string{"[127.0.0.1]:80:80"}}, "container publishes [ADDRESS:]"},
		{bottlestate.Bottle{Ports: []string{"[::1:80:80"}}, "container publishes [ADDRESS:]"},
		{bottlestate.Bottle{Ports: []string{"localhost:80:80"}}, "container publishes [ADDRESS:]"},
		{bottlestate.Bottle{Ports: []string{"1:80"}}, `--publish "1:80": container publishes ports from 2 to 65535`},
		{bottlestate.Bottle{Ports: []string{"80:65536"}}, "container publishes ports from 2 to 65535"},
		{bottlestate.Bottle{Ports: []string{"90-80:90-80"}}, "container publishes ports from 2 to 65535"},
		{bottlestate.Bottle{Ports: []string{"80-90:80"}}, `--publish "80-90:80": as many ports of the host are needed as of the bottle`},
		{bottlestate.Bottle{Tmpfs: []string{"mem"}}, `--tmpfs "mem": give a path that begins with /`},
		{bottlestate.Bottle{Tmpfs: []string{"/mem:ro"}}, `--tmpfs "/mem:ro": container knows the options size and mode, and not "ro"`},
		{bottlestate.Bottle{Tmpfs: []string{"/mem:size=1m,noexec"}}, `and not "noexec"`},
		{bottlestate.Bottle{Tmpfs: []string{"/mem:size=50%"}}, "the size is an amount like 64m"},
		{bottlestate.Bottle{Tmpfs: []string{"/mem:size=0"}}, "the size is an amount like 64m"},
		{bottlestate.Bottle{Tmpfs: []string{"/mem:mode=u+x"}}, "the mode is octal, like 1777"},
		{bottlestate.Bottle{Tmpfs: []string{"/a,b:size=1m"}}, "container takes no options for a path with a comma"},
		{bottlestate.Bottle{Tmpfs: []string{"/a,b"}}, ""},
	} {
		err := (&Backend{}).CheckOptions(tt.bottle)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %v; want %q", tt.bottle, err, tt.err)
		}
	}
}

// What the tool is told of a tmpfs, and what is recalled of what it then tells.
func TestTmpfs(t *testing.T) {
	for _, tt := range []struct {
		spec, args string
		options    []string
		recalled   string
	}{
		{"/mem", "--tmpfs /mem", nil, "/mem"},
		{"/mem:", "--tmpfs /mem", nil, "/mem"},
		{"/mem:size=64m,mode=1777", "--mount type=tmpfs,target=/mem,size=67108864,mode=1777", []string{"size=67108864", "mode=1777"}, "/mem:mode=1777,size=67108864"},
		{"/mem:mode=1777,size=67108864", "--mount type=tmpfs,target=/mem,mode=1777,size=67108864", []string{"size=67108864", "mode=1777"}, "/mem:mode=1777,size=67108864"},
		{"/mem:size=1", "--mount type=tmpfs,target=/mem,size=1048576", []string{"size=1048576"}, "/mem:size=1048576"},
	} {
		args, err := tmpfsOption(tt.spec)
		if err != nil || strings.Join(args, " ") != tt.args {
			t.Errorf("%s: %q, %v; want %q", tt.spec, args, err, tt.args)
		}
		var ctr container
		ctr.Configuration.Mounts = []mount{{Type: map[string]json.RawMessage{"tmpfs": nil}, Destination: "/mem", Options: tt.options}}
		var b bottlestate.Bottle
		recall(&b, ctr)
		if len(b.Tmpfs) != 1 || b.Tmpfs[0] != tt.recalled {
			t.Errorf("%s: recalled as %q, want %q", tt.spec, b.Tmpfs, tt.recalled)
		}
	}
}
