//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker/go-units"
)

const (
	label   = "docker-bottle.bench"
	forever = "100000"
)

type bench struct {
	dir    string
	word   string // in the name and the label of everything that is made
	n      int
	env    []string
	engine string
	image  string
	made   int
	rows   []row
	chain  *chain
	notes  []string
}

// cost is what one command took.
type cost struct {
	time   time.Duration
	memory int64 // peak, of the largest process
}

type row struct {
	name          string
	bottle, plain []cost
}

// name returns a name that nothing else on the engine has.
func (b *bench) name() string {
	b.made++
	return fmt.Sprintf("%s-%d", b.word, b.made)
}

// alternate measures the two commands in turns; which one goes first changes
// from round to round. prepare makes what one round needs.
func (b *bench) alternate(ctx context.Context, name string, n int, prepare func() (bottle, plain []string, clean func() error, err error)) error {
	r := row{name: name}
	for i := range n {
		fmt.Fprintf(os.Stderr, "bench: %s, %d of %d\n", name, i+1, n)
		bottle, plain, clean, err := prepare()
		if err != nil {
			return err
		}
		sides := []struct {
			args []string
			to   *[]cost
		}{{bottle, &r.bottle}, {plain, &r.plain}}
		if i%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			_, c, err := b.call(ctx, nil, side.args)
			if err != nil {
				return err
			}
			*side.to = append(*side.to, c)
		}
		if err := clean(); err != nil {
			return err
		}
	}
	b.rows = append(b.rows, r)
	return nil
}

func (b *bench) docker(ctx context.Context, args ...string) (string, error) {
	out, _, err := b.call(ctx, nil, docker(args...))
	return out, err
}

// docker is docker's command line.
func docker(args ...string) []string { return append([]string{"docker"}, args...) }

// call runs a command line. ctx is looked at before, and a command that has
// begun ends in its own time: an engine goes on with a commit that its client
// has given up, and would make the image after the clean-up.
func (b *bench) call(ctx context.Context, stdin io.Reader, args []string) (string, cost, error) {
	if err := ctx.Err(); err != nil {
		return "", cost{}, err
	}
	var out, stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = b.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		return "", cost{}, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(out.String()), cost{took, peak(cmd.ProcessState)}, nil
}

// peak is the memory of the largest of the process and its children, in
// bytes. A process begins with its parent's peak, so nothing is smaller than
// this program, which is why it keeps small.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}

// clean removes everything that carries this run's word.
func (b *bench) clean() error {
	err := os.RemoveAll(b.dir)
	if b.image == "" {
		return err // nothing was made
	}
	// The plugin and the configuration are gone: plain docker, in the user's
	// own, with a context of its own, as the run's may be cancelled.
	b.env = os.Environ()
	ctx := context.Background()
	remove := func(list, remove []string) {
		out, listErr := b.docker(ctx, list...)
		if listErr != nil || out == "" {
			err = errors.Join(err, listErr)
			return
		}
		names := strings.Fields(out)
		slices.Sort(names)
		_, removeErr := b.docker(ctx, append(remove, slices.Compact(names)...)...)
		err = errors.Join(err, removeErr)
	}
	filter := "label=" + label + "=" + b.word
	remove([]string{"ps", "-aq", "--filter", filter}, []string{"rm", "-fv"})
	remove([]string{"images", "--filter", filter, "--format", "{{.Repository}}:{{.Tag}}"}, []string{"rmi", "-f"})
	return err
}

func (b *bench) print(w io.Writer) {
	fmt.Fprintf(w, "%s; medians, of %d runs or as given; memory is the largest process's peak\n\n", b.engine, b.n)
	fmt.Fprintln(w, "| command | ratio | docker bottle | plain | memory ratio | docker bottle | plain |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|")
	for _, r := range b.rows {
		bottle, plain := median(r.bottle), median(r.plain)
		name := r.name
		if len(r.bottle) != b.n {
			name += fmt.Sprintf(" (%d runs)", len(r.bottle))
		}
		fmt.Fprintf(w, "| %s | %.2f | %s | %s | %.2f | %s | %s |\n", name,
			bottle.time.Seconds()/plain.time.Seconds(), milliseconds(bottle.time), milliseconds(plain.time),
			float64(bottle.memory)/float64(plain.memory), units.BytesSize(float64(bottle.memory)), units.BytesSize(float64(plain.memory)))
	}
	for _, note := range b.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
	if b.chain != nil {
		b.chain.print(w)
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// median takes time and memory each for itself.
func median(costs []cost) cost {
	var times []time.Duration
	var memory []int64
	for _, c := range costs {
		times, memory = append(times, c.time), append(memory, c.memory)
	}
	slices.Sort(times)
	slices.Sort(memory)
	last, half := len(costs)-1, len(costs)/2
	return cost{(times[last-half] + times[half]) / 2, (memory[last-half] + memory[half]) / 2}
}
