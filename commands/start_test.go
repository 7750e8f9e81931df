package commands

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"
)

// A command line is a name, and after a -- a command; what is neither is wrong
// usage that names the argument.
func TestSplitDash(t *testing.T) {
	for _, tt := range []struct {
		args    string
		name    string
		command []string
		wrong   string // the argument that is not wanted
	}{
		{args: ""},
		{args: "claude", name: "claude"},
		{args: "-d claude", name: "claude"},
		{args: "claude -- sh", name: "claude", command: []string{"sh"}},
		{args: "-d claude -- sh -c x", name: "claude", command: []string{"sh", "-c", "x"}},
		{args: "claude -- sh -- -d", name: "claude", command: []string{"sh", "--", "-d"}},
		{args: "claude --", name: "claude"},
		{args: "--"},
		{args: "-- sh -d", command: []string{"sh", "-d"}},
		{args: "-d -- sh", command: []string{"sh"}},
		{args: "-- claude -- sh", command: []string{"claude", "--", "sh"}},
		{args: "claude sh", wrong: "sh"},
		{args: "claude sh -- x", wrong: "sh"},
		{args: "claude -d", name: "claude"},
		{args: "claude -d -- sh -d", name: "claude", command: []string{"sh", "-d"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var name string
			var command []string
			cmd := &cobra.Command{
				Use:           "start",
				SilenceErrors: true,
				SilenceUsage:  true,
				RunE: func(cmd *cobra.Command, args []string) (err error) {
					name, command, err = splitDash(cmd, args)
					return err
				},
			}
			cmd.Flags().BoolP("detach", "d", false, "")
			cmd.SetArgs(strings.Fields(tt.args))
			err := cmd.Execute()
			if name != tt.name || !slices.Equal(command, tt.command) || (command == nil) != (tt.command == nil) {
				t.Errorf("got %q and %q, want %q and %q", name, command, tt.name, tt.command)
			}
			var status cli.StatusError
			if errors.As(err, &status) != (tt.wrong != "") || tt.wrong != "" && (status.StatusCode != 125 || !strings.Contains(err.Error(), `"`+tt.wrong+`"`)) {
				t.Errorf("got %v, want usage error about %q", err, tt.wrong)
			}
		})
	}
}

// A directory is mounted by its absolute path, as the person means it; what
// the engine understands is left to it.
func TestAbsoluteVolumes(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", home)
	for _, tt := range []struct{ in, want string }{
		{"cache:/cache", "cache:/cache"},
		{"/src:/src:ro", "/src:/src:ro"},
		{".:/src", dir + ":/src"},
		{"./src:/src:ro,z", filepath.Join(dir, "src") + ":/src:ro,z"},
		{"../src:/src", filepath.Join(filepath.Dir(dir), "src") + ":/src"},
		{".hidden:/src", filepath.Join(dir, ".hidden") + ":/src"},
		{"~/src:/src", filepath.Join(home, "src") + ":/src"},
		{"~:/home", home + ":/home"},
		{"~other/src:/src", "~other/src:/src"},
	} {
		got, err := absoluteVolumes([]string{tt.in})
		if err != nil || len(got) != 1 || got[0] != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
	if got, err := absoluteVolumes([]string{"b:/b", "a:/a"}); err != nil || !slices.Equal(got, []string{"b:/b", "a:/a"}) {
		t.Errorf("got %q, %v; want both, in their order", got, err)
	}
}

// A volume without a target is wrong usage that names it.
func TestAbsoluteVolumesRefused(t *testing.T) {
	for _, in := range []string{"/data", "cache", "", "."} {
		got, err := absoluteVolumes([]string{"a:/a", in})
		var status cli.StatusError
		if got != nil || !errors.As(err, &status) || status.StatusCode != 125 || !strings.Contains(err.Error(), `"`+in+`"`) {
			t.Errorf("%q: got %q, %v; want a usage error", in, got, err)
		}
	}
}
