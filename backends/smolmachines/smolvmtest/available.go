//go:build linux

package smolvmtest

// Available says why machines cannot run here: without root they need user
// namespaces, which some systems keep to themselves. It is for tests whose
// binary is the tool.
func Available() error { return tool.Available() }
