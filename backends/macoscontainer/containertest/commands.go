//go:build linux

package containertest

// commands returns all commands that there are.
func commands() []*command {
	return []*command{
		buildCommand(),
		builderStatusCommand(),
		createCommand(),
		deleteCommand(),
		execCommand(),
		exportCommand(),
		imageDeleteCommand(),
		imageInspectCommand(),
		imageListCommand(),
		imageLoadCommand(),
		imageSaveCommand(),
		imageTagCommand(),
		inspectCommand(),
		killCommand(),
		listCommand(),
		logsCommand(),
		runCommand(),
		startCommand(),
		stopCommand(),
		systemStartCommand(),
		systemStatusCommand(),
		systemStopCommand(),
		systemVersionCommand(),
	}
}

// failure is how the command fails when a test wants it to.
func (c *command) failure(cause string, args []string) error {
	id := ""
	if len(args) > 0 {
		id = args[0]
	}
	inner := failed("internalError", "%s", cause)
	switch c.path {
	case "export":
		switch cause {
		case "deep-extents":
			return failed("internalError", "failed to export container").because(failed("unknown", "deep extents are not supported"))
		case "snapshot":
			return failed("internalError", "failed to export container").because(failed("internalError", "failed to snapshot disk in container %s", id))
		}
		return failed("internalError", "failed to export container").because(inner)
	case "stop", "kill", "delete":
		return aggregate{failed("internalError", "failed to %s container", c.path).because(inner)}
	case "list", "inspect", "exec", "logs":
		return failed("internalError", "failed to list containers").because(inner)
	case "create", "start", "run":
		return failed("internalError", "failed to %s container", c.path).because(inner)
	case "build":
		return described{inner}
	}
	return inner
}
