package smolmachines

import "testing"

func TestDataRoot(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/home/u"}, "HOME=/home/u"},
		{map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/data"}, "XDG_DATA_HOME=/data"},
		{map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/data", "SMOLVM_DATA_DIR": "/own"}, "SMOLVM_DATA_DIR=/own"},
		{nil, "HOME="},
	} {
		if got := dataRoot(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.env, got, tt.want)
		}
	}
}

// Promise 8: a bottle is found again by every address of its machines, and by
// none of others.
func TestSameEndpoint(t *testing.T) {
	for _, tt := range []struct {
		one, other string
		want       bool
	}{
		{"HOME=/home/u", "HOME=/home/u", true},
		{"HOME=/home/u", "XDG_DATA_HOME=/home/u/.local/share", true},
		{"XDG_DATA_HOME=/home/u/.local/share/", "HOME=/home/u/", true},
		{"XDG_DATA_HOME=/data", "XDG_DATA_HOME=/data/", true},
		{"HOME=/home/u", "XDG_DATA_HOME=/home/u", false},
		{"HOME=/home/u", "HOME=/home/v", false},
		{"HOME=/home/u", "", false},
		{"HOME=", "XDG_DATA_HOME=.local/share", false},
		{"SMOLVM_DATA_DIR=/home/u", "SMOLVM_DATA_DIR=/home/u", true},
		{"SMOLVM_DATA_DIR=/home/u", "HOME=/home/u", false}, // the disks may be elsewhere
		{"SMOLVM_DATA_DIR=/home/u", "XDG_DATA_HOME=/home/u", false},
	} {
		b := New(Dirs{})
		if b.SameEndpoint(tt.one, tt.other) != tt.want || b.SameEndpoint(tt.other, tt.one) != tt.want {
			t.Errorf("%q and %q: want %v", tt.one, tt.other, tt.want)
		}
	}
}

// Promise 8: the hint reaches the machines from a shell with these variables.
func TestReachCommand(t *testing.T) {
	all := map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/data", "SMOLVM_DATA_DIR": "/own"}
	for _, tt := range []struct {
		address string
		env     map[string]string
		want    string
	}{
		{"HOME=/home/v", map[string]string{"HOME": "/home/u"}, "HOME=/home/v docker"},
		{"HOME=/home/v", all, "env -u SMOLVM_DATA_DIR -u XDG_DATA_HOME HOME=/home/v docker"},
		{"XDG_DATA_HOME=/it's", all, `env -u SMOLVM_DATA_DIR XDG_DATA_HOME='/it'"'"'s' docker`},
		{"SMOLVM_DATA_DIR=/other", all, "SMOLVM_DATA_DIR=/other docker"},
	} {
		if got := reachCommand(tt.address, func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.address, got, tt.want)
		}
	}
}
