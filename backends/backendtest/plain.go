package backendtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
)

var plain struct {
	once sync.Once
	err  error
}

// Plain builds the test program of the package that is tested into dir, once,
// without the race detector, and returns its path. It is there to be a tool's
// fake: hundreds of processes are started, and the detector would make each
// several times as slow. It looks at none but the test program itself.
func Plain(dir string) (string, error) {
	path := filepath.Join(dir, "plain.test")
	plain.once.Do(func() {
		if out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput(); err != nil {
			plain.err = fmt.Errorf("go test -c: %w\n%s", err, out)
		}
	})
	return path, plain.err
}
