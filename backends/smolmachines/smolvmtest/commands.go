//go:build linux

package smolvmtest

// commands returns all commands that there are.
func commands() []*command {
	return []*command{
		createCommand(),
		startCommand(),
		stopCommand(),
		execCommand(),
		statusCommand(),
		listCommand(),
		deleteCommand(),
		updateCommand(),
		dataDirCommand(),
		packCreateCommand(),
		packRunCommand(),
		packPruneCommand(),
	}
}
