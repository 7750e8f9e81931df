package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// directory is where a bottle's artifacts are, NUMBER.smolmachine, each with a
// NUMBER.json of what else is known of it.
func (b *Backend) directory(slug bottlestate.Slug) string {
	return filepath.Join(b.dirs.Artifacts, string(slug))
}

func (b *Backend) artifact(slug bottlestate.Slug, number int) string {
	return filepath.Join(b.directory(slug), strconv.Itoa(number)+extension)
}

// labelsFile is the file beside an artifact that says what an image's labels
// do: an artifact has none.
func labelsFile(artifact string) string { return strings.TrimSuffix(artifact, extension) + ".json" }

// labelsOf returns what is in the file beside an artifact.
func labelsOf(artifact string) (labels map[string]string, err error) {
	data, err := os.ReadFile(labelsFile(artifact))
	if err == nil {
		err = json.Unmarshal(data, &labels)
	}
	return labels, err
}

// readBoots returns what the machine's boots were when it was frozen, or "".
func readBoots(artifact string) string {
	labels, err := labelsOf(artifact)
	if err != nil {
		return ""
	}
	return labels[bootsLabel]
}

// ArtifactExists reports whether the snapshot's file is there, and is the one
// that was recorded. Whether all of it is whole is found out when a machine is
// made from it.
func (b *Backend) ArtifactExists(_ context.Context, snap bottlestate.Snapshot) (bool, error) {
	s, err := readSidecar(snap.Reference)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if s.digest() != snap.Digest {
		return false, fmt.Errorf("%s is %s, not the recorded %s: another file has taken its place", snap.Reference, s.digest(), snap.Digest)
	}
	return true, nil
}

// RemoveArtifact removes the snapshot's file, also if it is damaged. Another
// whole one that has taken its place is not the snapshot's, and stays.
func (b *Backend) RemoveArtifact(_ context.Context, snap bottlestate.Snapshot) error {
	s, err := readSidecar(snap.Reference)
	if err == nil && s.digest() != snap.Digest {
		return nil
	}
	return removeFiles(snap.Reference, labelsFile(snap.Reference))
}

func removeFiles(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// RemoveCaches removes the directory of the bottle's artifacts, with what a
// freeze that was killed has left in it. Files that are not ours keep it.
func (b *Backend) RemoveCaches(_ context.Context, bottle bottlestate.Bottle) error {
	dir := b.directory(bottle.Slug)
	if err := errors.Join(removeUnfinished(dir), removeFiles(filepath.Join(dir, packingFile))); err != nil {
		return err
	}
	_ = os.Remove(dir) // if it is empty
	return nil
}

// unfinished is where a freeze works, in the directory of the artifacts.
const unfinished = ".freeze-"

// removeUnfinished removes what freezes have left that were killed.
func removeUnfinished(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// vacant makes sure that a freeze writes over no artifact. A record that was
// lost can leave such a one.
func vacant(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s %w", path, backends.ErrTaken)
}
