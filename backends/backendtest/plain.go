package backendtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

var plain struct {
	once sync.Once
	err  error
}

// Plain builds the test program of the package that is tested into dir, once,
// without the race detector, and returns its path. It is there to be a program
// that is started hundreds of times, as a tool's fake is, of which the detector
// would make each several times as slow.
func Plain(dir string) (string, error) {
	path := filepath.Join(dir, "plain.test")
	plain.once.Do(func() {
		cmd := exec.Command("go", "test", "-c", "-o", path, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build and make lint compile
		if out, err := cmd.CombinedOutput(); err != nil {
			plain.err = fmt.Errorf("go test -c: %w\n%s", err, out)
		}
	})
	return path, plain.err
}
