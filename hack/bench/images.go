//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

const bottles, snapshots = 200, 20

// space measures the lists with many bottles, each a chain of snapshots. To
// commit them would take an hour; they are loaded from an archive instead, in
// which every chain has the same layers, and images of its own.
func (b *bench) space(quick bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if quick {
			return nil
		}
		fmt.Fprintf(os.Stderr, "bench: loading %d images, which takes a minute or two\n", bottles*snapshots)
		r, w := io.Pipe()
		go func() { w.CloseWithError(b.writeImages(w)) }()
		defer r.Close()
		if _, _, err := b.call(ctx, r, docker("load", "-q")); err != nil {
			return err
		}
		if err := b.writeRecords(ctx); err != nil {
			return err
		}
		of := fmt.Sprintf(" of %d bottles with %d snapshots each : `", bottles, snapshots)
		for _, pair := range []struct {
			name          string
			bottle, plain []string
		}{
			{"`ls`" + of + "docker images`", docker("bottle", "ls"), docker("images")},
			{"`df`" + of + "docker system df`", docker("bottle", "df"), docker("system", "df")},
			{"`df -v`" + of + "docker system df -v`", docker("bottle", "df", "-v"), docker("system", "df", "-v")},
		} {
			if err := b.alternate(ctx, pair.name, b.n, func() (bottle, plain []string, clean func() error, err error) {
				return pair.bottle, pair.plain, func() error { return nil }, nil
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

func (b *bench) slug(i int) bottlestate.Slug {
	return bottlestate.Slug(fmt.Sprintf("%s-ls-%d", b.word, i))
}

// writeImages writes an archive of the kind that docker save writes, with the
// parent of each image, which docker load takes over.
func (b *bench) writeImages(to io.Writer) error {
	type image struct {
		Config   string
		RepoTags []string
		Layers   []string
		Parent   string `json:",omitempty"`
	}
	out := tar.NewWriter(to)
	add := func(name string, data []byte) error {
		if err := out.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644}); err != nil {
			return err
		}
		_, err := out.Write(data)
		return err
	}
	var files, diffs []string
	for i := range snapshots + 1 {
		data, err := layer(b.word, i)
		if err != nil {
			return err
		}
		files = append(files, fmt.Sprintf("%d/layer.tar", i))
		diffs = append(diffs, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
		if err := add(files[i], data); err != nil {
			return err
		}
	}
	now := time.Now().UTC()
	var images []image
	addImage := func(depth int, ref, slug, parent string) (id string, err error) {
		history := make([]map[string]any, depth)
		for i := range history {
			history[i] = map[string]any{"created": now, "created_by": "bench"}
		}
		config, err := json.Marshal(map[string]any{
			"architecture": "amd64", "os": "linux", "created": now,
			"config":  map[string]any{"Cmd": []string{"sh"}, "Labels": map[string]string{label: b.word, "bottle": slug}},
			"rootfs":  map[string]any{"type": "layers", "diff_ids": diffs[:depth]},
			"history": history,
		})
		if err != nil {
			return "", err
		}
		id = fmt.Sprintf("%x", sha256.Sum256(config))
		if parent != "" {
			parent = "sha256:" + parent
		}
		images = append(images, image{id + ".json", []string{ref}, files[:depth], parent})
		return id, add(id+".json", config)
	}
	base, err := addImage(1, "docker-bottle-bench-base:"+b.word, "", "")
	if err != nil {
		return err
	}
	for i := range bottles {
		parent := base
		for n := 1; n <= snapshots; n++ {
			if parent, err = addImage(n+1, reference(b.slug(i+1), n), string(b.slug(i+1)), parent); err != nil {
				return err
			}
		}
	}
	manifest, err := json.Marshal(images)
	if err != nil {
		return err
	}
	if err := add("manifest.json", manifest); err != nil {
		return err
	}
	return out.Close()
}

func reference(slug bottlestate.Slug, number int) string {
	return fmt.Sprintf("docker-bottle/%s:%d", slug, number)
}

func layer(word string, i int) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	data := bytes.Repeat([]byte(word), 10_000)
	if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("file-%d", i), Size: int64(len(data)), Mode: 0o644}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	return buf.Bytes(), w.Close()
}

// writeRecords writes the records of the bottles whose images were loaded, with
// the IDs that the engine has for them.
func (b *bench) writeRecords(ctx context.Context) error {
	out, err := b.docker(ctx, "images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "--filter", "label="+label+"="+b.word)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for line := range strings.Lines(out) {
		ref, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[ref] = id
	}
	name, host, err := b.context(ctx)
	if err != nil {
		return err
	}
	for i := range bottles {
		if err := b.writeBottle(b.slug(i+1), name, host, ids); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) recordDir(slug bottlestate.Slug) string {
	return bottlestate.New(filepath.Join(b.dir, "state", "docker-bottle")).Dir(slug)
}
