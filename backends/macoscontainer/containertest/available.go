//go:build linux

package containertest

// Available says why containers cannot run on this machine: without root they
// need user namespaces, which some systems keep to themselves. It is for
// tests whose binary is the tool.
func Available() error { return tool.Available() }
