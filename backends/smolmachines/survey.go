package smolmachines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// Survey lists the machines with one call, and the artifacts with what is
// beside them. Of an artifact no more than its end is read.
func (b *Backend) Survey(ctx context.Context) (backends.Holdings, error) {
	var held backends.Holdings
	var machines []machine
	if err := b.ask(ctx, &machines, "machine", "ls", "--json"); err != nil {
		return held, err
	}
	slices.SortFunc(machines, func(a, b machine) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range machines {
		surveyMachine(m, &held)
	}
	dirs, err := os.ReadDir(b.dirs.Artifacts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return held, err
	}
	for _, dir := range dirs {
		slug, err := bottlestate.ParseSlug(dir.Name())
		if err != nil || !dir.IsDir() {
			continue // not ours
		}
		if err := surveyArtifacts(slug, b.directory(slug), &held); err != nil {
			return held, err
		}
	}
	slices.SortStableFunc(held.Snapshots, func(a, b backends.HeldSnapshot) int {
		return cmp.Or(cmp.Compare(a.Slug, b.Slug), cmp.Compare(a.Number, b.Number))
	})
	return held, nil
}

func surveyMachine(m machine, held *backends.Holdings) {
	label := string(m.slug())
	slug, err := bottlestate.ParseSlug(label)
	doubtful := backends.Doubtful{Slug: slug, Name: m.Name}
	switch {
	case label == "":
	case err != nil:
		doubtful.Reason = fmt.Sprintf("has a label that says it is bottle %q", label)
		held.Doubtful = append(held.Doubtful, doubtful)
	case m.Name != backends.Name(slug):
		doubtful.Reason = fmt.Sprintf("says that it is bottle %s, and is not called %s", slug, backends.Name(slug))
		held.Doubtful = append(held.Doubtful, doubtful)
	default:
		held.Bottles = append(held.Bottles, backends.HeldBottle{Slug: slug, State: m.state(), From: m.Labels[bootedLabel]})
	}
}

func surveyArtifacts(slug bottlestate.Slug, dir string, held *backends.Holdings) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		name, isArtifact := strings.CutSuffix(entry.Name(), extension)
		number := backends.ParseNumber(name)
		switch {
		case strings.HasPrefix(entry.Name(), unfinished):
			held.Temporary = append(held.Temporary, backends.HeldTemporary{Slug: slug, Name: path})
		case isArtifact && number > 0:
			surveyArtifact(slug, number, path, held)
		}
	}
	return nil
}

func surveyArtifact(slug bottlestate.Slug, number int, path string, held *backends.Holdings) {
	s, err := readSidecar(path)
	doubtful := backends.Doubtful{
		Slug: slug, Number: number, Name: path, Ours: true,
		Mend: shellescape.QuoteCommand([]string{"rm", path}),
	}
	if err != nil {
		doubtful.Reason = "cannot be used: " + err.Error()
		held.Doubtful = append(held.Doubtful, doubtful)
		return
	}
	doubtful.Digest = s.digest()
	says, err := readLabels(path)
	switch {
	case err != nil:
		doubtful.Reason = err.Error()
	case says.Number == 0:
		doubtful.Reason = "has nothing beside it that says which snapshot it is"
	case says.Slug != slug || says.Number != number:
		doubtful.Reason = fmt.Sprintf("says that it is %s@%d", says.Slug, says.Number)
	default:
		says.Reference, says.Digest = path, s.digest()
		held.Snapshots = append(held.Snapshots, says)
		return
	}
	held.Doubtful = append(held.Doubtful, doubtful)
}

// readLabels returns what the file beside an artifact says that it is.
func readLabels(artifact string) (says backends.HeldSnapshot, err error) {
	labels, err := labelsOf(artifact)
	if errors.Is(err, fs.ErrNotExist) {
		return says, nil
	} else if err != nil {
		return says, fmt.Errorf("has %s beside it, which cannot be read: %w", filepath.Base(labelsFile(artifact)), err)
	}
	return backends.ParseSnapshotLabels(labels)
}

// RecallBottle returns what the arguments of the workload say, which are in the
// machine and in the artifact.
func (b *Backend) RecallBottle(ctx context.Context, slug bottlestate.Slug, snap *bottlestate.Snapshot) (bottle bottlestate.Bottle, unknown []string, err error) {
	bottle = bottlestate.Bottle{Slug: slug, Backend: Name}
	bottle.Context, bottle.Endpoint = b.Endpoint()
	m, err := b.inspect(ctx, bottle)
	if err == nil {
		m.meta().recall(&bottle)
		bottle.Created = time.Unix(m.CreatedAt, 0).UTC()
		return bottle, nil, nil
	} else if !isNotFound(err) || snap == nil {
		return bottle, nil, err
	}
	s, err := readSidecar(snap.Reference)
	known, ours := s.meta()
	known.recall(&bottle)
	bottle.Created = snap.Created
	if !ours {
		unknown = append(backends.ContainerOptions(), "what it may reach")
	}
	return bottle, unknown, err
}

// RecallSnapshot returns the snapshot as its file is.
func (b *Backend) RecallSnapshot(_ context.Context, held backends.HeldSnapshot) (bottlestate.Snapshot, error) {
	s, err := readSidecar(held.Reference)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", err, backends.ErrNotFound)
	}
	if err != nil {
		return bottlestate.Snapshot{}, err
	}
	return bottlestate.Snapshot{
		Number:       held.Number,
		Reference:    held.Reference,
		Digest:       s.digest(),
		Backend:      Name,
		Parent:       held.Parent,
		Message:      held.Message,
		Created:      s.created,
		Size:         s.size,
		Architecture: s.architecture(),
	}, nil
}

// RemoveTemporary removes what a freeze has left that was killed.
func (b *Backend) RemoveTemporary(_ context.Context, held backends.HeldTemporary) error {
	if filepath.Dir(held.Name) != b.directory(held.Slug) || !strings.HasPrefix(filepath.Base(held.Name), unfinished) {
		return fmt.Errorf("%s is not temporary", held.Name)
	}
	return os.RemoveAll(held.Name)
}
