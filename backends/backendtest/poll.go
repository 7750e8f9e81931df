package backendtest

import (
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Poll is the script command poll PROGRAM ARGS...: it runs a program until it
// succeeds, for at most 20 s.
func Poll(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ts.Exec(args[0], args[1:]...); (err == nil) != neg {
			return
		}
	}
	ts.Fatalf("poll %s: %v", strings.Join(args, " "), err)
}
