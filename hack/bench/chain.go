//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/docker/go-units"
)

// round is one commit and one boot from what it made.
type round struct{ commit, boot time.Duration }

// chain is what as many rounds cost, and after how many plain docker broke.
type chain struct {
	n             int
	bottle, plain []round
	broke         error
}

// rounds commits a small change, loses the container and boots from the
// snapshot, again and again. Plain docker does the same beside it, until it
// breaks, which is no failure of the measurement.
func (b *bench) rounds(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		slug, name, err := b.pair(ctx)
		if err != nil {
			return err
		}
		c := &chain{n: n}
		for i := range n {
			if i%10 == 0 {
				fmt.Fprintf(os.Stderr, "bench: rounds, %d of %d: | %s | %s |\n", i, n, around(c.bottle, i-3), around(c.plain, i-3))
			}
			r, err := b.round(ctx, "bottle-"+slug, i, docker("bottle", "commit", "-q", slug), docker("bottle", "resume", "-d", slug))
			if err != nil {
				return err
			}
			c.bottle = append(c.bottle, r)
			if c.broke != nil {
				continue
			}
			image := fmt.Sprintf("%s-%d", snapshotOf(name), i)
			r, c.broke = b.round(ctx, name, i, docker("commit", name, image), docker(b.runArgs(name, image)...))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if c.broke == nil {
				c.plain = append(c.plain, r)
			}
		}
		b.chain = c
		return nil // clean removes what was made: it all carries the label
	}
}

func (b *bench) round(ctx context.Context, ctr string, i int, commit, boot []string) (r round, err error) {
	if _, err := b.docker(ctx, "exec", ctr, "sh", "-c", fmt.Sprintf("echo %d >/round; echo %d >/file%d", i, i, i)); err != nil {
		return r, err
	}
	_, c, err := b.call(ctx, nil, commit)
	if err != nil {
		return r, err
	}
	r.commit = c.time
	if _, err := b.docker(ctx, "rm", "-f", ctr); err != nil {
		return r, err
	}
	_, c, err = b.call(ctx, nil, boot)
	r.boot = c.time
	return r, err
}

func (c *chain) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d rounds of a commit and a boot from it; each the median of five around it\n\n", c.n)
	fmt.Fprintln(w, "| round | `bottle commit` | `bottle resume -d` | `docker commit` | `docker run -d` |")
	fmt.Fprintln(w, "|---:|---:|---:|---:|---:|")
	shown := []int{0, len(c.plain) - 1, c.n/2 - 1, c.n - 1}
	slices.Sort(shown)
	for _, i := range slices.Compact(shown) {
		fmt.Fprintf(w, "| %d | %s | %s |\n", i+1, around(c.bottle, i), around(c.plain, i))
	}
	if c.broke != nil {
		fmt.Fprintf(w, "\nplain docker broke in round %d: %v\n", len(c.plain)+1, c.broke)
	}
	var most time.Duration
	for _, r := range c.bottle {
		most = max(most, r.commit)
	}
	fmt.Fprintf(w, "\nthe slowest `bottle commit`: %s\n", milliseconds(most))
}

func around(rounds []round, i int) string {
	if i >= len(rounds) || i < 0 {
		return "- | -"
	}
	from := max(0, min(i-2, len(rounds)-5))
	var commits, boots []cost
	for _, r := range rounds[from:min(from+5, len(rounds))] {
		commits, boots = append(commits, cost{time: r.commit}), append(boots, cost{time: r.boot})
	}
	return milliseconds(median(commits).time) + " | " + milliseconds(median(boots).time)
}

// nothing commits what has not changed.
func (b *bench) nothing(ctx context.Context) error {
	return b.alternate(ctx, "`commit` of nothing : `docker commit`", b.n, func() (bottle, plain []string, clean func() error, err error) {
		slug, name, err := b.pair(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, args := range [][]string{{"bottle", "commit", "-q", slug}, {"rm", "-f", "bottle-" + slug}, {"bottle", "resume", "-d", slug}} {
			if args[0] == "rm" {
				time.Sleep(time.Second) // within the same second it is not known
			}
			if _, err := b.docker(ctx, args...); err != nil {
				return nil, nil, nil, err
			}
		}
		return docker("bottle", "commit", slug), docker("commit", name, snapshotOf(name)), func() error { return b.remove(ctx, slug, name) }, nil
	})
}

// compact flattens a bottle of 1 GB of which as much again was deleted.
func (b *bench) compact(ctx context.Context) error {
	const gigabyte = "dd if=/dev/urandom of=/%s bs=1M count=1024"
	disk := &diskUse{}
	root, err := b.docker(ctx, "info", "--format", "{{.DockerRootDir}}")
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "`compact` of 1 GB : `docker export \\| docker import`", min(b.n, 3), func() (bottle, plain []string, clean func() error, err error) {
		slug, name := b.name(), b.name()
		for _, args := range [][]string{
			b.startArgs(slug),
			{"exec", "bottle-" + slug, "sh", "-ec", fmt.Sprintf(gigabyte, "deleted") + ";" + fmt.Sprintf(gigabyte, "kept")},
			{"bottle", "commit", "-q", slug},
			{"exec", "bottle-" + slug, "rm", "/deleted"},
			{"bottle", "commit", "-q", slug},
			{"create", "--name", name, "--label", label + "=" + b.word, "docker-bottle/" + slug + ":2"},
		} {
			if _, err := b.docker(ctx, args...); err != nil {
				return nil, nil, nil, err
			}
		}
		stop := disk.watch(root)
		script := "docker export " + name + " | docker import --change 'LABEL " + label + "=" + b.word + "' - " + snapshotOf(name)
		return docker("bottle", "compact", slug), []string{"sh", "-ec", script}, func() error {
			stop()
			_, err := b.docker(ctx, "rmi", "-f", snapshotOf(name))
			return errors.Join(err, b.removePlainFirst(ctx, slug, name))
		}, nil
	})
	if err == nil && disk.most > 0 {
		b.notes = append(b.notes, fmt.Sprintf("compact and export | import together took up to %s of disk, of which 2 x 1 GB are the results", units.BytesSize(float64(disk.most))))
	}
	return err
}

// diskUse watches how much less is free on a disk, at the most.
type diskUse struct {
	mu   sync.Mutex
	most int64
}

func (d *diskUse) watch(dir string) (stop func()) {
	begin, ok := free(dir)
	if !ok {
		return func() {} // of an engine on another machine
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
				now, _ := free(dir)
				d.mu.Lock()
				d.most = max(d.most, begin-now)
				d.mu.Unlock()
			}
		}
	}()
	return func() { close(done) }
}

func free(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
