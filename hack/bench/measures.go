//go:build unix

package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// importImage makes the image from busybox alone; no builder and no registry
// is needed for that.
func (b *bench) importImage(ctx context.Context, busybox string) error {
	busybox, err := filepath.Abs(busybox)
	if err != nil {
		return err
	}
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("%s --list: %w (hack/busybox.sh bin)", busybox, err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeTree(w, busybox, strings.Fields(string(applets)))) }()
	defer r.Close()
	b.image = "docker-bottle-bench:" + b.word
	_, _, err = b.call(ctx, r, docker("import",
		"--change", "ENV PATH=/bin",
		"--change", "LABEL "+label+"="+b.word, // inherited by all that is made from it
		"-", b.image))
	return err
}

func writeTree(w io.Writer, busybox string, applets []string) error {
	f, err := os.Open(busybox)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	headers := []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
	}
	for _, name := range applets {
		if name != "busybox" {
			headers = append(headers, &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777})
		}
	}
	headers = append(headers, &tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: info.Size()})
	for _, h := range headers {
		if err := out.WriteHeader(h); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, f); err != nil {
		return err
	}
	return out.Close()
}

func (b *bench) start(ctx context.Context) error {
	return b.alternate(ctx, "`start -d` : `docker run -d`", b.n, func() (bottle, plain []string, clean func() error, err error) {
		slug, name := b.name(), b.name()
		return docker(b.startArgs(slug)...), docker(b.runArgs(name, b.image)...), func() error { return b.remove(ctx, slug, name) }, nil
	})
}

func (b *bench) startArgs(slug string) []string {
	return []string{"bottle", "start", "-d", "--image", b.image, "--name", slug, "--", "sleep", forever}
}

func (b *bench) runArgs(name, image string) []string {
	return []string{"run", "-d", "--name", name, image, "sleep", forever}
}

// pair starts a bottle and a plain container.
func (b *bench) pair(ctx context.Context) (slug, name string, err error) {
	slug, name = b.name(), b.name()
	if _, err := b.docker(ctx, b.startArgs(slug)...); err != nil {
		return "", "", err
	}
	_, err = b.docker(ctx, b.runArgs(name, b.image)...)
	return slug, name, err
}

// remove removes a pair, and what was committed from it.
func (b *bench) remove(ctx context.Context, slug, name string) error {
	_, err := b.docker(ctx, "bottle", "rm", "-f", slug)
	_, rmErr := b.docker(ctx, "rm", "-fv", name)
	image, listErr := b.docker(ctx, "images", "-q", snapshotOf(name))
	if image != "" {
		_, imageErr := b.docker(ctx, "rmi", "-f", snapshotOf(name))
		listErr = errors.Join(listErr, imageErr)
	}
	return errors.Join(err, rmErr, listErr)
}

func snapshotOf(name string) string { return "docker-bottle-bench-commit:" + name }

// commits measures a commit of new data. Random bytes are written in the
// container: a filesystem or an engine that is clever about zeros gains nothing.
func (b *bench) commits(quick bool) func(context.Context) error {
	sizes := []struct {
		name, script string
		runs         int
	}{
		{"1 MB", "dd if=/dev/urandom of=/data bs=1M count=1", b.n},
		{"100 MB", "dd if=/dev/urandom of=/data bs=1M count=100", b.n},
		{"1 GB", "dd if=/dev/urandom of=/data bs=1M count=1024", min(b.n, 3)},
		{"20,000 small files", `mkdir /data && cd /data && dd if=/dev/urandom bs=768 count=20000 | base64 -w 1024 | awk '{ print > "f" NR; close("f" NR) }'`, b.n},
	}
	return func(ctx context.Context) error {
		for _, size := range sizes {
			if quick && size.name == "1 GB" {
				continue
			}
			if err := b.commit(ctx, size.name, size.script, size.runs); err != nil {
				return err
			}
		}
		return nil
	}
}

func (b *bench) commit(ctx context.Context, size, script string, runs int) error {
	return b.alternate(ctx, "`commit` : `docker commit`, "+size, runs, func() (bottle, plain []string, clean func() error, err error) {
		slug, name, err := b.pair(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, ctr := range []string{"bottle-" + slug, name} {
			if _, err := b.docker(ctx, "exec", ctr, "sh", "-ec", script+"; sync"); err != nil {
				return nil, nil, nil, err
			}
		}
		return docker("bottle", "commit", slug), docker("commit", name, snapshotOf(name)), func() error { return b.remove(ctx, slug, name) }, nil
	})
}

// resume boots from a snapshot, once the container is gone.
func (b *bench) resume(ctx context.Context) error {
	return b.alternate(ctx, "`resume -d` from a snapshot : `docker run -d` of it", b.n, func() (bottle, plain []string, clean func() error, err error) {
		slug, name := b.name(), b.name()
		if _, err := b.docker(ctx, b.startArgs(slug)...); err != nil {
			return nil, nil, nil, err
		}
		ref, err := b.docker(ctx, "bottle", "commit", "-q", slug)
		if err != nil {
			return nil, nil, nil, err
		}
		if _, err := b.docker(ctx, "rm", "-f", "bottle-"+slug); err != nil {
			return nil, nil, nil, err
		}
		return docker("bottle", "resume", "-d", slug), docker(b.runArgs(name, ref)...), func() error { return b.removePlainFirst(ctx, slug, name) }, nil
	})
}

// removePlainFirst frees the snapshot before the bottle and its image go.
func (b *bench) removePlainFirst(ctx context.Context, slug, name string) error {
	_, err := b.docker(ctx, "rm", "-fv", name)
	_, rmErr := b.docker(ctx, "bottle", "rm", "-f", slug)
	return errors.Join(err, rmErr)
}

// context returns the CLI's context and its host.
func (b *bench) context(ctx context.Context) (name, host string, err error) {
	out, err := b.docker(ctx, "context", "inspect", "--format", "{{json .Name}} {{json .Endpoints.docker.Host}}")
	if err != nil {
		return "", "", err
	}
	dec := json.NewDecoder(strings.NewReader(out))
	if err := errors.Join(dec.Decode(&name), dec.Decode(&host)); err != nil {
		return "", "", fmt.Errorf("docker context inspect: %w", err)
	}
	return name, host, nil
}

// writeBottle writes the records of a bottle whose snapshots are images with
// these IDs.
func (b *bench) writeBottle(slug bottlestate.Slug, context, endpoint string, ids map[string]string) error {
	dir := b.recordDir(slug)
	if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o700); err != nil {
		return err
	}
	now := time.Now().UTC()
	files := map[string]any{
		"bottle.json": bottlestate.Bottle{
			Version: bottlestate.Version, Slug: slug, Image: b.image, Backend: "docker", Context: context, Endpoint: endpoint,
			Command: []string{"sleep", forever}, Created: now,
		},
		"head":      snapshots,
		"preserved": nil,
	}
	for n := 1; n <= snapshots; n++ {
		files[filepath.Join("snapshots", strconv.Itoa(n)+".json")] = bottlestate.Snapshot{
			Version: bottlestate.Version, Number: n, Reference: reference(slug, n), Digest: ids[reference(slug, n)], Backend: "docker",
			Parent: n - 1, Message: "bench", Created: now, Size: 1 << 20,
		}
	}
	for name, content := range files {
		var data []byte
		if content != nil {
			var err error
			if data, err = json.Marshal(content); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
