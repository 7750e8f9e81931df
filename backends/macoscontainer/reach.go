package macoscontainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/docker-bottle/docker-bottle/backends/tool"
)

// program is the tool's name on PATH.
const program = "container"

// minimum is the first version with today's JSON.
const minimum = "1.0.0"

// reach returns the version of the tool and its service, or what keeps them
// from being used and what to do about that.
func reach() (string, error) {
	if runtime.GOOS == "darwin" && runtime.GOARCH != "arm64" {
		return "", tool.Unavailable("container needs a Mac with Apple silicon")
	}
	if _, err := exec.LookPath(program); errors.Is(err, exec.ErrNotFound) {
		return "", tool.NotInstalled("container is not installed: get version %s or newer from https://github.com/apple/container (it needs a Mac with Apple silicon)", minimum)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	versions, err := systemVersion(ctx)
	if err != nil {
		return "", err
	}
	cli := versions[0]
	switch {
	case semver.Compare("v"+cli, "v"+minimum) < 0:
		return "", tool.Unavailable("container %s is too old: version %s or newer is needed", cli, minimum)
	case len(versions) < 2:
		// It was given two seconds. A busy one answers its health check.
		return cli, serviceStatus(ctx)
	case versions[1] != cli:
		return "", tool.Unavailable("container is version %s and its service still %s; restart it, which stops all containers, with: container system stop && container system start", cli, versions[1])
	}
	return cli, nil
}

// serviceStatus returns nil if the service runs.
func serviceStatus(ctx context.Context) error {
	var status struct{ Status string }
	out, err := apple.Command(ctx, "system", "status", "--format", "json").Output() // 1 if it does not run
	if jsonErr := json.Unmarshal(out, &status); jsonErr != nil {
		return tool.Unavailable("container system status: %v", errors.Join(err, jsonErr))
	}
	if status.Status != "running" {
		return tool.Unavailable("the container service is %s; start it with: container system start", status.Status)
	}
	return nil
}

// versionText finds the version in "container-apiserver version X (build: …)".
var versionText = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*`)

// systemVersion returns the version of the tool, and that of the service if it
// answers.
func systemVersion(ctx context.Context) ([]string, error) {
	var out, errOut bytes.Buffer
	cmd := apple.Command(ctx, "system", "version", "--format", "json")
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, tool.Unavailable("container system version has not answered in 20 seconds")
		}
		return nil, tool.Unavailable("container system version: %v: %s", err, strings.TrimSpace(errOut.String()))
	}
	var parts []struct{ Version string }
	if err := json.Unmarshal(out.Bytes(), &parts); err != nil || len(parts) == 0 {
		return nil, tool.Unavailable("container system version: unexpected answer %q: is this Apple's container?", out.String())
	}
	var versions []string
	for _, part := range parts {
		version := versionText.FindString(part.Version)
		if version == "" {
			return nil, tool.Unavailable("container system version: %q has no version in it", part.Version)
		}
		versions = append(versions, version)
	}
	return versions, nil
}
