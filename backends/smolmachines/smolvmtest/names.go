//go:build linux

package smolvmtest

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// checkName says what is wrong about a machine's name.
func checkName(name string) string {
	switch {
	case name == "":
		return "machine name cannot be empty"
	case len(name) > 128:
		return "machine name too long (max 128 characters)"
	case !strings.ContainsAny(name[:1], alphanumeric):
		return "machine name must start with a letter or digit"
	case strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(alphanumeric+"_-", r) }) >= 0:
		return "machine name can only contain letters, numbers, hyphens, and underscores"
	case strings.Contains(name, "--"):
		return "machine name cannot contain consecutive hyphens"
	case strings.HasSuffix(name, "-"):
		return "machine name cannot end with a hyphen"
	}
	return ""
}

func inventName() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return "vm-" + hex.EncodeToString(b)
}
