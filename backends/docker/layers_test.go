package docker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// imageEngine tells of images, and counts what it is asked.
type imageEngine struct {
	client.APIClient
	layers  map[string][]string
	history map[string][]image.HistoryResponseItem
	mu      sync.Mutex
	asked   []string
}

func (e *imageEngine) ImageInspect(_ context.Context, id string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, id)
	var res client.ImageInspectResult
	res.RootFS.Layers = e.layers[id]
	return res, nil
}

func (e *imageEngine) ImageHistory(_ context.Context, id string, _ ...client.ImageHistoryOption) (client.ImageHistoryResult, error) {
	return client.ImageHistoryResult{Items: e.history[id]}, nil
}

func digests(names ...string) []string {
	for i, name := range names {
		names[i] = fmt.Sprintf("sha256:%064s", name)
	}
	return names
}

func past(by string, size int64) image.HistoryResponseItem {
	return image.HistoryResponseItem{CreatedBy: by, Size: size}
}

func TestLayers(t *testing.T) {
	e := &imageEngine{
		layers: map[string][]string{
			"base":  digests("a", "b"),
			"one":   digests("a", "b", "c"),
			"two":   digests("a", "b", "c", "d"),
			"upon":  digests("a", "b", "c", "e"), // built upon one, without being its child
			"other": digests("a", "f", "9"),
		},
		history: map[string][]image.HistoryResponseItem{
			"base":  {past(`CMD ["sh"]`, 0), past("COPY b", 20), past("ENV A=1", 0), past("COPY a", 100)},
			"other": {past("COPY f", 7), past("RUN true", 0), past("WORKDIR /", 0), past("COPY a", 100)}, // one step too many
			"upon":  {past("COPY e", 5), past("commit", 3), past("COPY b", 20), past("COPY a", 100)},
		},
	}
	images := []image.Summary{
		{ID: "two", ParentID: "one", Size: 127},
		{ID: "sibling", ParentID: "one", Size: 123},
		{ID: "one", ParentID: "base", Size: 123},
		{ID: "base", Size: 120},
		{ID: "upon", Size: 128},
		{ID: "other", Size: 107},
	}
	b := New(e, Engine{})
	l, err := b.layers(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	sizes := func(id string) []int64 {
		var sizes []int64
		for _, key := range l.of(id) {
			sizes = append(sizes, l.sizes[key])
		}
		return sizes
	}
	for id, want := range map[string][]int64{
		"base":    {100, 20},
		"one":     {100, 20, 3},
		"two":     {100, 20, 3, 4},
		"sibling": {100, 20, 3, 0},
		"upon":    {100, 20, 3, 5},
		"other":   {100, 7, 0}, // what cannot be told is in the lowest
		"gone":    nil,
	} {
		if got := sizes(id); !slices.Equal(got, want) {
			t.Errorf("the layers of %s are %v, want %v", id, got, want)
		}
	}
	if one, upon := l.of("one"), l.of("upon"); one[2] != upon[2] {
		t.Errorf("%s and %s are one layer", one[2], upon[2])
	}
	if two, upon := l.of("two"), l.of("upon"); two[3] == upon[3] {
		t.Errorf("%s is in both", two[3])
	}
	slices.Sort(e.asked)
	if want := []string{"base", "one", "other", "sibling", "two", "upon"}; !slices.Equal(e.asked, want) {
		t.Errorf("asked for %q", e.asked)
	}
}

// Children of an image that nothing else is built upon are not asked for.
func TestLayersAsksLittle(t *testing.T) {
	e := &imageEngine{layers: map[string][]string{"base": digests("a"), "stranger": digests("f", "9")}}
	images := []image.Summary{{ID: "base", Size: 10}, {ID: "stranger", Size: 10}}
	for i := range 100 {
		images = append(images, image.Summary{ID: fmt.Sprint(i), ParentID: "base", Size: 11})
	}
	if _, err := New(e, Engine{}).layers(t.Context(), images); err != nil {
		t.Fatal(err)
	}
	slices.Sort(e.asked)
	if !slices.Equal(e.asked, []string{"base", "stranger"}) {
		t.Errorf("asked for %q", e.asked)
	}
}
