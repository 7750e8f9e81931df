package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/moby/sys/atomicwriter"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// The cache holds, for each image by its digest,
//
//	DIGEST.tar   the archive that smolvm makes a machine from
//	DIGEST.json  the image's config, as far as the archive lacks it
//	KEY.built    the digest of what a build context was built into, and when
//
// An archive is written under another name and renamed: smolvm may have a hard
// link to the one that was there.

// base is what is kept of an image besides its archive.
type base struct {
	imageMeta
	Digest string `json:"digest"`
	// Size is that of the archive, in bytes.
	Size int64 `json:"size"`
}

func (v base) image(archive string) backends.Image {
	return backends.Image{ID: archive, Digest: v.Digest, Entrypoint: v.Entrypoint, Command: v.Command, Labels: v.Labels}
}

const archiveExtension = ".tar"

// readBase returns what is known of the archive. It is marked as used.
func (b *Backend) readBase(archive string) (base, error) {
	var v base
	path := strings.TrimSuffix(archive, archiveExtension) + ".json"
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if info, statErr := os.Stat(archive); err == nil && (statErr != nil || info.Size() != v.Size) {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return v, fmt.Errorf("no image is kept as %s; a file to begin with is a .smolmachine, and an archive of docker save is loaded with docker load", archive)
	} else if err != nil {
		return v, err
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // without it, it is swept the sooner
	return v, nil
}

var digestText = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)

// keep returns the image as an archive in the cache, and writes it if it is
// not there.
func (b *Backend) keep(ctx context.Context, source ImageSource, image backends.Image) (backends.Image, error) {
	hex := digestText.FindStringSubmatch(image.Digest)
	if hex == nil {
		return backends.Image{}, fmt.Errorf("image %s has no digest that can be a name: %q", image.ID, image.Digest)
	}
	archive := filepath.Join(b.dirs.Cache, hex[1]+archiveExtension)
	if v, err := b.readBase(archive); err == nil {
		return v.image(archive), nil
	}
	if err := os.MkdirAll(b.dirs.Cache, 0o700); err != nil {
		return backends.Image{}, err
	}
	b.sweepCache(time.Now())
	v := base{Digest: image.Digest}
	if err := b.save(ctx, source, image, archive, &v); err != nil {
		return backends.Image{}, fmt.Errorf("saving image %s: %w", image.ID, err)
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = atomicwriter.WriteFile(strings.TrimSuffix(archive, archiveExtension)+".json", data, 0o600)
	}
	return v.image(archive), err
}

// save streams the image into the archive. What smolvm would take for the
// machine's own is taken out of its config, and returned: programs of a
// machine begin as root (see become), and the workload is not the agent.
func (b *Backend) save(ctx context.Context, source ImageSource, image backends.Image, archive string, v *base) error {
	temp, err := os.CreateTemp(b.dirs.Cache, temporary)
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	r, w := io.Pipe()
	defer r.Close()
	go func() { w.CloseWithError(source.SaveImage(ctx, image, w)) }()
	config, err := ociarchive.Convert(ctx, temp, backends.Counted(ctx, backends.Progress{Step: "handing over the image"}, r), runtime.GOARCH, "User", "Entrypoint", "Cmd")
	if err != nil {
		return err
	}
	v.imageMeta = imageMeta{
		User:       config.Config.User,
		WorkingDir: config.Config.WorkingDir,
		Entrypoint: config.Config.Entrypoint,
		Command:    config.Config.Cmd,
		Env:        config.Config.Env,
		Labels:     backends.AgentLabels(config.Config.Labels),
	}
	info, err := temp.Stat()
	if err != nil {
		return err
	}
	v.Size = info.Size()
	// What comes after it says that it is whole.
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), archive)
}

// built returns the archive of what the build context was built into, and how
// long ago that was. It is marked as used.
func (b *Backend) built(key string) (archive string, v base, age time.Duration, ok bool) {
	path := filepath.Join(b.dirs.Cache, key+".built")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", v, 0, false
	}
	digest, when, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	built, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return "", v, 0, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // as readBase does
	archive = filepath.Join(b.dirs.Cache, digest+archiveExtension)
	v, err = b.readBase(archive)
	return archive, v, now.Sub(built), err == nil
}

func (b *Backend) remember(key, archive string) error {
	digest := strings.TrimSuffix(filepath.Base(archive), archiveExtension)
	line := digest + " " + time.Now().UTC().Format(time.RFC3339) + "\n"
	return atomicwriter.WriteFile(filepath.Join(b.dirs.Cache, key+".built"), []byte(line), 0o600)
}

const (
	temporary = ".tmp-*" // none of the cache's names; atomicwriter's begin so, too
	unused    = 30 * 24 * time.Hour
	abandoned = 24 * time.Hour
)

// sweepCache removes images that nothing has been made from for a while, and
// what a program that was killed has left.
func (b *Backend) sweepCache(now time.Time) {
	entries, _ := os.ReadDir(b.dirs.Cache)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue
		}
		path := filepath.Join(b.dirs.Cache, entry.Name())
		age := now.Sub(info.ModTime())
		switch ext := filepath.Ext(path); {
		case strings.HasPrefix(entry.Name(), strings.TrimSuffix(temporary, "*")):
			if age > abandoned {
				_ = os.Remove(path)
			}
		case ext == archiveExtension && age > abandoned:
			if _, err := os.Lstat(strings.TrimSuffix(path, ext) + ".json"); errors.Is(err, fs.ErrNotExist) {
				_ = os.Remove(path) // nobody can use it
			}
		case ext == ".json" && age > unused:
			_ = os.Remove(strings.TrimSuffix(path, ext) + archiveExtension)
			_ = os.Remove(path)
		case ext == ".built" && age > unused:
			_ = os.Remove(path)
		}
	}
}
