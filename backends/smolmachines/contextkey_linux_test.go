package smolmachines

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Bytes that are no text are told from others.
func TestContextKeyBytes(t *testing.T) {
	src := newContext(t, t.TempDir(), "context/Dockerfile")
	keys := map[string]string{}
	for _, name := range []string{"n\xfe", "n\xff", "n\ufffd"} {
		path := writeFile(t, filepath.Join(src.Dir, name))
		keys[key(t, src)] = name
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) != 3 {
		t.Errorf("of three names: %q", keys)
	}
	if os.Getuid() != 0 {
		return // only root can give a file capabilities
	}
	clear(keys)
	for _, allowed := range []string{"\x00\x20", "\xfe\x20", "\xff\x20"} {
		value := "\x01\x00\x00\x02" + allowed + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		if err := unix.Setxattr(filepath.Join(src.Dir, "a"), "security.capability", []byte(value), 0); err != nil {
			t.Fatal(err)
		}
		keys[key(t, src)] = allowed
	}
	if len(keys) != 3 {
		t.Errorf("of three capabilities: %q", keys)
	}
}
