package backends

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Holdings is what an engine holds that says it is ours.
type Holdings struct {
	Bottles []HeldBottle
	// Snapshots are the artifacts that are named and labelled as a snapshot
	// is. No two are the same snapshot.
	Snapshots []HeldSnapshot
	Temporary []HeldTemporary
	// Caches are the images that bottles were built into.
	Caches []HeldCache
	// Doubtful is what has a name or a label of ours that the rest of it does
	// not bear out.
	Doubtful []Doubtful
}

// Slugs returns the bottles that there is something of, sorted.
func (h Holdings) Slugs() []bottlestate.Slug {
	var slugs []bottlestate.Slug
	for _, b := range h.Bottles {
		slugs = append(slugs, b.Slug)
	}
	for _, snap := range h.Snapshots {
		slugs = append(slugs, snap.Slug)
	}
	slices.Sort(slugs)
	return slices.Compact(slugs)
}

// Of returns what there is of one bottle.
func (h Holdings) Of(slug bottlestate.Slug) Holdings {
	return Holdings{
		Bottles:   only(h.Bottles, func(b HeldBottle) bool { return b.Slug == slug }),
		Snapshots: only(h.Snapshots, func(s HeldSnapshot) bool { return s.Slug == slug }),
		Temporary: only(h.Temporary, func(t HeldTemporary) bool { return t.Slug == slug }),
		Caches:    only(h.Caches, func(c HeldCache) bool { return c.Slug == slug }),
		Doubtful:  only(h.Doubtful, func(d Doubtful) bool { return d.Slug == slug }),
	}
}

func only[T any](all []T, keep func(T) bool) (some []T) {
	for _, one := range all {
		if keep(one) {
			some = append(some, one)
		}
	}
	return some
}

// Newest returns the highest number that an artifact has or has in its name,
// or 0.
func (h Holdings) Newest() (number int) {
	for _, snap := range h.Snapshots {
		number = max(number, snap.Number)
	}
	for _, d := range h.Doubtful {
		number = max(number, d.Number)
	}
	return number
}

// HeldBottle is a bottle's container or machine.
type HeldBottle struct {
	Slug  bottlestate.Slug
	State State
	// Paused is set while a commit reads the bottle, or after one that was
	// killed; Start frees it.
	Paused bool
	// From is the reference or the digest of what it was made of.
	From string
}

// HeldSnapshot is the artifact of a snapshot, and what that says of itself.
type HeldSnapshot struct {
	Slug           bottlestate.Slug
	Number, Parent int
	Message        string
	Compacted      bool
	Reference      string
	// Digest is empty where it takes reading the whole artifact.
	Digest string
}

// HeldTemporary is what a run has made for itself, and would have removed at
// its end.
type HeldTemporary struct {
	// Slug is the bottle whose lock the run holds.
	Slug bottlestate.Slug
	Name string
}

// HeldCache is what was made for a bottle and can be made again.
type HeldCache struct {
	Slug   bottlestate.Slug
	Name   string
	Digest string
	// Remove is the engine's own command that removes it, ready to paste.
	Remove string
}

// Doubtful is something that cannot be taken for what it says it is.
type Doubtful struct {
	// Slug and Number are what it would be, by its name where that is one of
	// ours, otherwise by its labels; as far as they can be read.
	Slug   bottlestate.Slug
	Number int
	Name   string
	Digest string
	// Reason goes on after the name: "says that it is api@1".
	Reason string
	// Ours is set if the name is one that only we give.
	Ours bool
	// Mend is the engine's own command that puts it right, or removes it, if
	// there is one.
	Mend string
}

// NamedImage is an image as an engine lists it.
type NamedImage struct {
	Names  []string
	Digest string
	Labels map[string]string
}

// ImageCommands make the engine's own commands for what is wrong with an image.
type ImageCommands struct {
	// Rename gives the image called from, or of that digest, another name.
	Rename func(from, to string) string
	Remove func(name string) string
}

// AddImages enters images into h, by their names and labels: those that have
// neither of ours are passed over.
func (h *Holdings) AddImages(images []NamedImage, commands ImageCommands) {
	taken := map[string]bool{}
	for _, img := range images {
		for _, name := range img.Names {
			taken[name] = true
		}
	}
	for _, img := range images {
		h.addImage(img, commands, taken)
	}
	slices.SortFunc(h.Snapshots, func(a, b HeldSnapshot) int {
		return cmp.Or(cmp.Compare(a.Slug, b.Slug), cmp.Compare(a.Number, b.Number))
	})
	slices.SortFunc(h.Caches, func(a, b HeldCache) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(h.Doubtful, func(a, b Doubtful) int { return cmp.Compare(a.Name, b.Name) })
}

func (h *Holdings) addImage(img NamedImage, commands ImageCommands, taken map[string]bool) {
	says, err := ParseSnapshotLabels(img.Labels)
	reason := "has no labels of a snapshot"
	switch {
	case err != nil:
		reason = err.Error()
	case says.Number > 0:
		reason = fmt.Sprintf("says that it is %s@%d", says.Slug, says.Number)
	}
	settled := false
	for _, name := range img.Names {
		slug, tag, ok := ParseRef(name)
		number := ParseNumber(tag)
		switch {
		case !ok:
			continue
		case tag == "base":
			h.Caches = append(h.Caches, HeldCache{slug, name, img.Digest, commands.Remove(name)})
		case number == 0:
			continue
		case err == nil && slug == says.Slug && number == says.Number:
			says.Reference, says.Digest = SnapshotRef(slug, number), img.Digest
			h.Snapshots = append(h.Snapshots, says)
		default:
			h.Doubtful = append(h.Doubtful, Doubtful{slug, number, name, img.Digest, reason, true, commands.Remove(name)})
		}
		settled = true
	}
	if !settled && (err != nil || says.Number > 0) {
		h.Doubtful = append(h.Doubtful, nameless(img, says, err, commands, taken))
	}
}

// nameless is a snapshot that has lost its name, or an image that was made from
// one and has its labels.
func nameless(img NamedImage, says HeldSnapshot, err error, commands ImageCommands, taken map[string]bool) Doubtful {
	d := Doubtful{Slug: says.Slug, Number: says.Number, Name: img.Digest, Digest: img.Digest}
	for _, name := range img.Names {
		d.Name = name
		if _, tag, ok := ParseRef(name); ok && tag == "latest" {
			d.Ours, d.Mend = true, commands.Remove(name)
			break
		}
	}
	if err != nil {
		d.Reason = err.Error()
		return d
	}
	ref := SnapshotRef(says.Slug, says.Number)
	d.Reason = fmt.Sprintf("says that it is %s@%d, and is not called %s", says.Slug, says.Number, ref)
	if !taken[ref] {
		d.Mend = commands.Rename(d.Name, ref)
	}
	return d
}

// Volumes is what RecallBottle calls the mounts of a bottle, where they are
// not known.
const Volumes = "volumes"

// ContainerOptions returns what only a container knows of a bottle.
func ContainerOptions() []string {
	return []string{Volumes, "tmpfs", "ports", "network", "limits"}
}
