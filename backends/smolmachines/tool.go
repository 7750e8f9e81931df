package smolmachines

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/backends/tool"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// smolvm is the tool, and what is known of it. Nothing changes it.
var smolvm = tool.Tool{
	Program: program,
	Groups:  []string{"machine", "pack"},
	// With BOOT_DEBUG a machine holds on to the streams of the tool, with
	// WATCH_PARENT it ends with it.
	Drop: []string{
		"SMOLVM_BOOT_DEBUG=", "SMOLVM_BOOT_WATCH_PARENT=", "SMOLVM_FORKABLE=", "SMOLVM_LOG_FORMAT=",
		"SMOLVM_PACK_STAGING=", "SMOLVM_SNAPSHOT_DIR=", "RUST_LOG=",
	},
	// Of a start and of a pack.
	Progress: []string{"Starting machine '", "Pulling "},
	Kinds:    kinds,
	Hung:     "see what the machine does with: smolvm machine ls",
}

var unknownMachine = regexp.MustCompile(`(?m)^Error: .*(vm not found: |(machine|VM) '[^']*' not found)`)

func kinds(f *tool.Failure) []error {
	switch {
	case unknownMachine.MatchString(f.Stderr):
		return []error{backends.ErrNotFound}
	case f.Says("kvm not available"), f.Says("kvm permission denied"):
		return []error{backends.ErrUnavailable}
	}
	return nil
}

// limits say how long the tool may take before it is given up.
type limits struct {
	quick time.Duration // what only asks or changes a record
	slow  time.Duration // what boots or stops a machine
	bulk  time.Duration // what reads or writes a whole tree
	ready time.Duration // a machine that was started and does not answer yet
	// a machine that runs and does not answer
	settle time.Duration
}

var patient = limits{quick: time.Minute, slow: 3 * time.Minute, bulk: time.Hour, ready: 30 * time.Second, settle: 5 * time.Second}

// run runs the tool and returns what it printed.
func (b *Backend) run(ctx context.Context, limit time.Duration, args ...string) ([]byte, error) {
	if _, err := b.reach(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := smolvm.Once(ctx, limit, func(ctx context.Context) *exec.Cmd {
		cmd := command(ctx, args...)
		cmd.Stdout = &out
		return cmd
	})
	return out.Bytes(), err
}

// command is the tool in a neutral directory: a machine keeps the one that it
// was started in, and pack takes its stub from ./target if there is one.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := smolvm.Command(ctx, args...)
	cmd.Dir = "/"
	return cmd
}

// withoutSecrets keeps the values of the bottle's secrets, and of those that its
// image asks for, from a command that boots a machine, whose process gets its
// environment.
func withoutSecrets(cmd *exec.Cmd, bottle bottlestate.Bottle) *exec.Cmd {
	cmd.Env = slices.DeleteFunc(cmd.Env, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(bottle.Secrets, name) || slices.Contains(bottle.AgentSecrets, name)
	})
	return cmd
}

// interruptible passes an interrupt on to a start, which takes the machine down
// again for it, and waits.
func interruptible(cmd *exec.Cmd) *exec.Cmd {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	return cmd
}

func isNotFound(err error) bool { return errors.Is(err, backends.ErrNotFound) }
