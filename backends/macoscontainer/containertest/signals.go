//go:build linux

package containertest

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// forwardSignals passes signals on to the program, in the versions where that
// works. Without a terminal the third one ends the tool, and not the program.
func forwardSignals(v version, terminal bool, send func(int)) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	broken := v.atLeast(1, 0, 0) && !v.atLeast(1, 4, 1)
	go func() {
		count := 0
		for s := range signals {
			n := int(s.(syscall.Signal))
			switch {
			case broken && terminal: // swallowed
			case broken:
				fmt.Fprintf(os.Stderr, "failed to send signal: [\"error\": invalidArgument: \"missing signal in xpc message\", \"signal\": %d]\n", n)
			default:
				send(n)
			}
			if s == syscall.SIGINT || s == syscall.SIGTERM {
				count++
			}
			if !terminal && count == 3 {
				fmt.Fprintln(os.Stderr, "Received 3 SIGINT/SIGTERM's, forcefully exiting.")
				os.Exit(1)
			}
		}
	}()
}
