package smolmachines

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/docker-bottle/docker-bottle/backends/tool"
)

// program is the tool's name on PATH.
const program = "smolvm"

// minimum is the first version that freezes a machine made from a local image
// (smolvm#954). Older ones lose layers, too (smolvm#924).
const minimum = "1.12.0"

const home = "https://github.com/smol-machines/smolvm"

// versionText is the whole of what --version prints.
var versionText = regexp.MustCompile(`^smolvm ([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)$`)

// reach returns the version of the tool, or what keeps it from being used and
// what to do about that. Another program has its name (the smolvm of PyPI),
// and tells a version too; it has no machines.
func reach() (string, error) {
	path, err := exec.LookPath(program)
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		return "", tool.Unavailable("%v", err)
	} else if err != nil {
		return "", tool.NotInstalled("smolvm is not installed: get version %s or newer from %s", minimum, home)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	helped := make(chan error, 1)
	go func() { helped <- command(ctx, "machine", "--help").Run() }()
	out, err := command(ctx, "--version").Output()
	helpErr := <-helped
	found := versionText.FindStringSubmatch(strings.TrimSpace(string(out)))
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", tool.Unavailable("smolvm --version has not answered in 20 seconds")
	case err != nil && !errors.As(err, &exit):
		return "", tool.Unavailable("smolvm --version: %v", err)
	case err != nil && len(exit.Stderr) > 0:
		return "", tool.Unavailable("smolvm --version: %s", strings.TrimSpace(string(exit.Stderr)))
	case err != nil || helpErr != nil || found == nil:
		return "", tool.Unavailable("%s is another program than the smolvm that is needed, which is at %s: put that one before it in PATH", path, home)
	}
	if version := found[1]; semver.Compare("v"+version, "v"+minimum) < 0 {
		return "", tool.Unavailable("smolvm %s is too old: version %s or newer is needed, older ones cannot freeze a bottle", version, minimum)
	}
	return found[1], nil
}
