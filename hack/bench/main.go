//go:build unix

// Bench compares docker bottle with plain docker, alternating in one run, and
// prints a table of ratios. What it makes on the engine has a label of this
// run's own, and is removed at the end, also on Ctrl-C.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	n := flag.Int("n", 5, "runs of each `number`, of which the median counts")
	quick := flag.Bool("quick", false, "leave out what takes 1 GB, and the lists of thousands of snapshots")
	rounds := flag.Int("rounds", 20, "commit and boot from the commit this `number` of times; 300 takes a quarter of an hour")
	only := flag.String("only", "", "measure nothing but `chain`: the rounds, a commit of nothing, compact")
	plugin := flag.String("plugin", "bin/docker-bottle", "the plugin's `file`")
	busybox := flag.String("busybox", "bin/busybox", "a static busybox's `file`")
	tree := flag.String("pack", "", "only pack this `tree`; a measurement calls it")
	flag.Parse()
	if flag.NArg() > 0 || *n < 1 || *rounds < 1 || *only != "" && *only != "chain" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-ctx.Done()
		stop() // a second signal kills
	}()
	var err error
	if *tree != "" {
		err = packFile(ctx, *tree)
	} else {
		err = run(ctx, options{*n, *rounds, *quick, *only, *plugin, *busybox})
	}
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	n, rounds       int
	quick           bool
	only            string
	plugin, busybox string
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "bottle-bench-")
	if err != nil {
		return err
	}
	b := &bench{dir: dir, n: o.n, word: "bench-" + strings.ToLower(rand.Text()[:6])}
	defer func() { err = errors.Join(err, b.clean()) }()
	if err := b.prepare(ctx, o.plugin, o.busybox); err != nil {
		return err
	}
	measures := []func(context.Context) error{b.start, b.commits(o.quick), b.resume, b.space(o.quick), b.pack}
	if o.only == "chain" {
		measures = nil
	}
	measures = append(measures, b.nothing)
	if !o.quick {
		measures = append(measures, b.compact)
	}
	for _, measure := range append(measures, b.rounds(o.rounds)) {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	b.print(os.Stdout)
	return nil
}

// prepare makes the plugin known to docker for this run only, and the image.
func (b *bench) prepare(ctx context.Context, plugin, busybox string) error {
	plugin, err := filepath.Abs(plugin)
	if err != nil {
		return err
	}
	if _, err := os.Stat(plugin); err != nil {
		return fmt.Errorf("the plugin: %w (make build)", err)
	}
	config, err := configWith(b.dir, plugin)
	if err != nil {
		return err
	}
	b.env = append(os.Environ(), "DOCKER_CONFIG="+config)
	for _, name := range []string{"STATE", "DATA", "CONFIG"} {
		b.env = append(b.env, "XDG_"+name+"_HOME="+filepath.Join(b.dir, strings.ToLower(name)))
	}
	if b.engine, err = b.docker(ctx, "info", "--format", "engine {{.ServerVersion}}, storage driver {{.Driver}}, {{.NCPU}} CPUs"); err != nil {
		return err
	}
	return b.importImage(ctx, busybox)
}

// configWith returns a docker configuration that is the user's own, contexts
// included, with the plugin in it. The files are linked, not copied: there can
// be passwords in them.
func configWith(dir, plugin string) (string, error) {
	user := os.Getenv("DOCKER_CONFIG")
	if user == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		user = filepath.Join(home, ".docker")
	}
	user, err := filepath.Abs(user)
	if err != nil {
		return "", err
	}
	config := filepath.Join(dir, "docker")
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.MkdirAll(plugins, 0o700); err != nil {
		return "", err
	}
	link := func(from, to, but string) error {
		entries, err := os.ReadDir(from)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			if entry.Name() == but {
				continue
			}
			if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	if err := link(user, config, "cli-plugins"); err != nil {
		return "", err
	}
	if err := link(filepath.Join(user, "cli-plugins"), plugins, "docker-bottle"); err != nil {
		return "", err
	}
	return config, os.Symlink(plugin, filepath.Join(plugins, "docker-bottle"))
}
