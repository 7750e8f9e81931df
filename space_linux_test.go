package main

import (
	"regexp"
	"slices"
	"testing"

	"github.com/docker/go-units"
	"github.com/moby/moby/client"
)

// TestPruneFrees: what prune says it has freed is what the engine's images take
// less after it, by the engine's own account (docker system df). Others may use
// the engine at the same time, so it is tried until they have not for a moment.
func TestPruneFrees(t *testing.T) {
	e := newEngine(t)
	if !e.up {
		t.Skip("no Docker engine")
	}
	k := dockerKilled
	var err error
	if k.program, err = plainProgram(); err != nil {
		t.Fatal(err)
	}
	w := newKillWorld(t, e, k)
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	w.start(w.slug)
	commit(w)
	for range 30 {
		w.bottle("exec", w.slug, "dd", "if=/dev/urandom", "of=/file", "bs=1000", "count=123")
		w.bottle("commit", "-q", w.slug)
		w.bottle("exec", w.slug, "rm", "/file")
		w.bottle("commit", "-q", w.slug)
		// The head has no file, the one before it has.
		before, others := account(t, api, w.slug)
		out := w.bottle("prune", "-f", "--keep", "1", w.slug)
		after, othersAfter := account(t, api, w.slug)
		if !slices.Equal(others, othersAfter) {
			continue
		}
		said := regexp.MustCompile(`Total reclaimed space: (\S+)`).FindStringSubmatch(out)
		if said == nil {
			t.Fatalf("prune says nothing of space:\n%s", out)
		}
		freed := before - after
		if want := units.HumanSizeWithPrecision(float64(freed), 3); said[1] != want || freed < 123_000 {
			t.Errorf("prune says that it has freed %s, the engine %s", said[1], want)
		}
		return
	}
	t.Fatal("the engine was never left alone")
}

// account returns what the engine's images take, and the IDs of those that are
// not the bottle's.
func account(t *testing.T, api *client.Client, slug string) (size int64, others []string) {
	t.Helper()
	usage, err := api.DiskUsage(t.Context(), client.DiskUsageOptions{Images: true})
	if err != nil {
		t.Fatal(err)
	}
	images, err := api.ImageList(t.Context(), client.ImageListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile("^docker-bottle/" + slug + ":")
	for _, img := range images.Items {
		if !slices.ContainsFunc(img.RepoTags, ours.MatchString) {
			others = append(others, img.ID)
		}
	}
	slices.Sort(others)
	return usage.Images.TotalSize, others
}
