//go:build linux

package containertest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

func (s settings) cliVersion() string {
	return fmt.Sprintf("container CLI version %s (build: release, commit: 0190097)", s.cli)
}

func systemVersionCommand() *command {
	return &command{
		path:    "system version",
		about:   "Show version information",
		options: "--format <format>",
		offline: true,
		run:     runSystemVersion,
	}
}

func runSystemVersion(c *call) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	type component struct {
		AppName   string `json:"appName"`
		Version   string `json:"version"`
		BuildType string `json:"buildType"`
		Commit    string `json:"commit"`
	}
	all := []component{{"container", c.cli.String(), "release", "0190097"}}
	if c.serving() {
		text := fmt.Sprintf("container-apiserver version %s (build: release, commit: 0190097)", c.server)
		all = append(all, component{"container-apiserver", text, "release", "0190097"})
	}
	if format == "json" {
		return c.print(all, false)
	}
	fmt.Println("COMPONENT  VERSION  BUILD  COMMIT")
	for _, a := range all {
		fmt.Printf("%s  %s  %s  %s\n", a.AppName, a.Version, a.BuildType, a.Commit)
	}
	return nil
}

func systemStatusCommand() *command {
	return &command{
		path:    "system status",
		about:   "Show the status of container services",
		options: "-p --prefix <prefix>\n--format <format>",
		offline: true,
		run:     runSystemStatus,
	}
}

func runSystemStatus(c *call) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	status := "running"
	if !c.serving() {
		status = "unregistered"
	}
	switch {
	case format == "json":
		err = c.print(c.status(status), false)
	case status == "running":
		fmt.Println("apiserver is running")
	default:
		fmt.Println("apiserver is not running and not registered with launchd")
	}
	if err == nil && status != "running" {
		err = silent{}
	}
	return err
}

// status is what system status says in JSON. Only the status itself is the
// same in all versions.
func (s settings) status(status string) map[string]any {
	fields := map[string]any{"status": status}
	up := status == "running"
	if s.cli.atLeast(1, 4, 1) {
		if up {
			fields["server"] = map[string]any{"appName": "container-apiserver", "version": s.server.String(), "buildType": "release", "commit": "0190097"}
			fields["client"] = map[string]any{"appName": "container", "version": s.cli.String(), "buildType": "release", "commit": "0190097"}
			fields["paths"] = map[string]any{"appRoot": s.root, "installRoot": "/usr/local"}
			fields["host"] = map[string]any{"architecture": "arm64", "os": "macOS"}
			fields["resources"] = map[string]any{"cpus": 8, "memoryInBytes": 16 << 30}
		}
		return fields
	}
	for _, key := range []string{"apiServerAppName", "apiServerBuild", "apiServerCommit", "apiServerVersion", "appRoot", "installRoot"} {
		fields[key] = ""
	}
	if up {
		fields["apiServerAppName"], fields["apiServerBuild"], fields["apiServerCommit"] = "container-apiserver", "release", "0190097"
		fields["apiServerVersion"] = fmt.Sprintf("container-apiserver version %s (build: release, commit: 0190097)", s.server)
		fields["appRoot"], fields["installRoot"] = s.root, "/usr/local/"
	}
	return fields
}

func systemStartCommand() *command {
	return &command{
		path:    "system start",
		about:   "Start container services",
		options: "-a --app-root <path>\n--install-root <path>\n--log-root <path>\n--enable-kernel-install\n--disable-kernel-install\n--timeout <seconds>",
		offline: true,
		run:     runSystemStart,
	}
}

// runSystemStart asks whether to install a kernel, as on a new machine.
func runSystemStart(c *call) error {
	if c.has("enable-kernel-install") && c.has("disable-kernel-install") {
		return c.command.refuse("Value to be set with flag '--disable-kernel-install' had already been set with flag '--enable-kernel-install'")
	}
	fmt.Fprintln(os.Stderr, "Verifying apiserver is running...")
	if err := fakevm.WriteJSON(c.path("service.json"), true); err != nil {
		return err
	}
	if c.has("enable-kernel-install") || c.has("disable-kernel-install") {
		return nil
	}
	fmt.Fprint(os.Stderr, "No default kernel configured.\nInstall the recommended default kernel? [Y/n]: ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return failed("internalError", "failed to read user input")
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "" && answer != "y" {
		fmt.Fprintln(os.Stderr, "Please use the `container system kernel set --recommended` command to configure the default kernel")
	}
	return nil
}

func systemStopCommand() *command {
	return &command{
		path:    "system stop",
		about:   "Stop all container services",
		options: "-p --prefix <prefix>",
		offline: true,
		run:     runSystemStop,
	}
}

func runSystemStop(c *call) error {
	fmt.Println("stopping containers")
	all, err := c.containers()
	if err != nil {
		return err
	}
	var errs []error
	for _, ctr := range all {
		if ctr.running() {
			errs = append(errs, ctr.stop(int(syscall.SIGTERM), 5*time.Second))
		}
		// The service remembers only as long as it runs.
		if b := ctr.lastBoot(); ctr.exists() && !b.Started.IsZero() {
			errs = append(errs, fakevm.WriteJSON(ctr.file("boot.json"), boot{}))
		}
	}
	fmt.Println("stopping service com.apple.container.apiserver")
	return errors.Join(append(errs, fakevm.WriteJSON(c.path("service.json"), false))...)
}
