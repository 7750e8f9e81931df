// Docker-bottle is a Docker CLI plugin that keeps the sandboxes of AI coding
// agents alive across reboots, removals and moves.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/adrg/xdg"
	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli-plugins/manager"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/docker"
	"github.com/docker-bottle/docker-bottle/backends/macoscontainer"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/commands"
)

const name = "bottle"

// version is set when a release is built.
var version = ""

func main() {
	cli, err := command.NewDockerCli(command.WithUserAgent("docker-bottle/" + buildVersion()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	globals := globalFlags(os.Args[1:])
	dockerCLI := slices.Concat([]string{dockerCommand()}, globals)
	invocation := slices.Concat(dockerCLI, []string{name})
	if plugin.RunningStandalone() {
		invocation = slices.Concat([]string{os.Args[0]}, globals)
		os.Args = withName(os.Args)
	}
	typed := os.Args[min(len(globals)+2, len(os.Args)):]
	program := &commands.Program{
		CLI:        cli,
		Store:      bottlestate.New(filepath.Join(xdgDir("XDG_STATE_HOME", xdg.StateHome), "docker-bottle")),
		ConfigDir:  filepath.Join(xdgDir("XDG_CONFIG_HOME", xdg.ConfigHome), "docker-bottle"),
		Version:    buildVersion(),
		Args:       shellescape.QuoteCommand(typed),
		Invocation: pasteable(invocation),
		Backends: backends.Registry{
			docker.Name:         func() (backends.Backend, error) { return openDocker(cli, dockerCLI) },
			macoscontainer.Name: func() (backends.Backend, error) { return macoscontainer.New(), nil },
			smolmachines.Name: func() (backends.Backend, error) {
				return smolmachines.New(
					smolmachines.Dirs{
						Artifacts: artifactsDir(xdgDir("XDG_DATA_HOME", xdg.DataHome), xdgDir("XDG_STATE_HOME", xdg.StateHome)),
						Cache:     filepath.Join(xdgDir("XDG_CACHE_HOME", xdg.CacheHome), "docker-bottle", "images"),
					},
					smolmachines.Builder{Name: docker.Name, Open: func() (smolmachines.ImageSource, error) { return openDocker(cli, dockerCLI) }},
					smolmachines.Builder{Name: macoscontainer.Name, Open: func() (smolmachines.ImageSource, error) { return macoscontainer.New(), nil }},
				), nil
			},
		},
	}
	err = plugin.RunPlugin(cli, commands.NewRootCommand(program), metadata.Metadata{
		SchemaVersion: "0.1.0",
		Vendor:        "docker-bottle",
		Version:       buildVersion(),
		URL:           "https://github.com/docker-bottle/docker-bottle",
	})
	os.Exit(program.Report(cli.Err(), err))
}

// pasteable is the beginning of a command line, for sh or PowerShell, which
// takes what is quoted for text unless it is told to run it.
func pasteable(words []string) string {
	line := shellescape.QuoteCommand(words)
	if runtime.GOOS == "windows" && strings.HasPrefix(line, "'") {
		return "& " + line
	}
	return line
}

// openDocker returns the backend for the CLI's current context. The CLI exits
// the process when a context cannot be used, so that is found out first.
func openDocker(cli command.Cli, dockerCLI []string) (*docker.Backend, error) {
	if _, err := cli.ContextStore().GetMetadata(cli.CurrentContext()); err != nil {
		return nil, err
	}
	return docker.New(cli.Client(), docker.Engine{
		Context: cli.CurrentContext(),
		Address: cli.DockerEndpoint().Host,
		Command: dockerCLI,
		Buildx: func() (bool, error) {
			_, err := manager.GetPlugin("buildx", cli, &cobra.Command{})
			if errdefs.IsNotFound(err) {
				return false, nil
			}
			return err == nil, err
		},
	}), nil
}

// dockerCommand is the docker that called this plugin, by its short name where
// that finds the same one.
func dockerCommand() string {
	original := os.Getenv(metadata.ReexecEnvvar)
	short := "docker"
	if original == "" {
		return short
	}
	if found, err := exec.LookPath(short); err == nil && sameFile(found, original) {
		return short
	}
	return original
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// globalFlags returns docker's own flags, which come before the plugin's name.
func globalFlags(args []string) []string {
	for i := 0; i < len(args); i++ {
		known, takesNext := globalFlag(args[i])
		if !known {
			return args[:i]
		}
		if takesNext {
			i++
		}
	}
	return args
}

func globalFlag(arg string) (known, takesNext bool) {
	flag, _, hasValue := strings.Cut(arg, "=")
	switch flag {
	case "--debug", "--tls", "--tlsverify":
		return true, false
	case "--context", "--host", "--log-level", "--config", "--tlscacert", "--tlscert", "--tlskey":
		return true, !hasValue
	}
	letters, ok := strings.CutPrefix(flag, "-")
	if !ok || letters == "" {
		return false, false
	}
	// Letters run together: -Dc prod, -Htcp://host.
	switch letters = strings.TrimLeft(letters, "D"); {
	case letters == "":
		return true, false
	case strings.ContainsAny(letters[:1], "cHl"):
		return true, len(letters) == 1 && !hasValue
	}
	return false, false
}

// withName puts the plugin's name where the docker CLI would have it.
func withName(args []string) []string {
	globals := len(globalFlags(args[1:])) + 1
	if len(args) > globals && strings.HasPrefix(args[globals], "__complete") {
		globals++
	}
	return slices.Insert(slices.Clone(args), min(globals, len(args)), name)
}

// xdgDir honours the variable on every system, also where the library uses
// the system's own place instead.
func xdgDir(variable, otherwise string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return otherwise
}

// artifactsDir holds a directory for each bottle, by its name. Where data and
// state have one home, as on a Mac and on Windows, it is a directory of its own
// in there: "bottles" is a name for a bottle, too.
func artifactsDir(dataHome, stateHome string) string {
	dir := filepath.Join(dataHome, "docker-bottle")
	if filepath.Clean(dataHome) == filepath.Clean(stateHome) {
		return filepath.Join(dir, "artifacts")
	}
	return dir
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
