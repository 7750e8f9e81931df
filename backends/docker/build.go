package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/dirtar"
	"github.com/docker-bottle/docker-bottle/tempdir"
)

// Build builds the bottle's Dockerfile and tags the image docker-bottle/SLUG:base,
// or looks the bottle's image up. The user's own builder is used where there
// is one, otherwise BuildKit by the engine's API.
func (b *Backend) Build(ctx context.Context, bottle bottlestate.Bottle, src backends.Source, log io.Writer) (backends.Image, error) {
	if bottle.Image != "" {
		img, err := b.image(ctx, bottle.Image)
		if isNotFound(err) {
			err = fmt.Errorf("image %s is not on the engine: get it with docker pull, or build it", bottle.Image)
		}
		return img, err
	}
	build := b.buildAPI
	if b.engine.Buildx != nil {
		if found, err := b.engine.Buildx(); err != nil {
			return backends.Image{}, err
		} else if found {
			build = b.buildCommand
		}
	}
	id, err := build(ctx, backends.BaseRef(bottle.Slug), src, log)
	if err != nil && strings.Contains(err.Error(), "failed to get digest") {
		// The image was there, and went with another bottle of the same agent
		// before the engine could give it another name.
		id, err = build(ctx, backends.BaseRef(bottle.Slug), src, log)
	}
	if err != nil {
		return backends.Image{}, fmt.Errorf("building %s: %w", src.Dockerfile, err)
	}
	img, err := b.image(ctx, id)
	if isNotFound(err) { // a builder of its own may name the image in its own way
		img, err = b.image(ctx, backends.BaseRef(bottle.Slug))
	}
	return img, err
}

func (b *Backend) image(ctx context.Context, ref string) (backends.Image, error) {
	img, err := b.api.ImageInspect(ctx, ref)
	if err != nil {
		return backends.Image{}, engineError(err)
	}
	image := backends.Image{ID: img.ID, Digest: img.ID}
	if img.Config != nil {
		image.Entrypoint, image.Command = img.Config.Entrypoint, img.Config.Cmd
		image.Labels = backends.AgentLabels(img.Config.Labels)
	}
	return image, nil
}

func (b *Backend) buildCommand(ctx context.Context, tag string, src backends.Source, log io.Writer) (id string, err error) {
	dir, remove, err := tempdir.Make(ctx, "build")
	if err != nil {
		return "", err
	}
	defer remove()
	idFile := filepath.Join(dir, "iid")
	args := []string{"build", "--iidfile", idFile, "--tag", tag, "--file", src.Dockerfile}
	if on, err := strconv.ParseBool(os.Getenv("DOCKER_BUILDKIT")); on || err != nil { // the classic builder has no such flag
		// A builder that the person has chosen may keep the image to itself.
		args = append(args, "--load")
	}
	cmd := exec.CommandContext(ctx, b.engine.Command[0], slices.Concat(b.engine.Command[1:], append(args, src.Dir))...)
	// An attestation would make the image an index, with a digest of its own.
	cmd.Env = append(os.Environ(), "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	cmd.Stdout, cmd.Stderr = log, log
	if terminal := backends.LogTerminal(log); terminal != nil {
		cmd.Stdout, cmd.Stderr = terminal, terminal
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.As(err, &exit):
		return "", &backends.ExitError{Code: max(exit.ExitCode(), 1)}
	case err != nil:
		return "", err
	}
	data, err := os.ReadFile(idFile)
	return strings.TrimSpace(string(data)), err
}

// buildAPI builds with BuildKit through the engine's API, without a session:
// no secrets, ssh or logins, which an agent's Dockerfile seldom needs.
func (b *Backend) buildAPI(ctx context.Context, tag string, src backends.Source, log io.Writer) (id string, err error) {
	name, err := filepath.Rel(src.Dir, src.Dockerfile)
	if err != nil || strings.HasPrefix(name, "..") {
		return "", fmt.Errorf("the Dockerfile is outside of the build context %s", src.Dir)
	}
	name = filepath.ToSlash(name)
	version, err := b.builderVersion(ctx)
	if err != nil {
		return "", err
	}
	// The engine needs these two, whatever .dockerignore excludes.
	tree, err := dirtar.Open(ctx, src.Dir, name, ".dockerignore")
	if err != nil {
		return "", err
	}
	defer tree.Close()
	res, err := b.api.ImageBuild(ctx, tree, client.ImageBuildOptions{
		Tags:       []string{tag},
		Dockerfile: name,
		Version:    version,
		Remove:     true,
	})
	if err != nil {
		return "", engineError(err)
	}
	defer res.Body.Close()
	id, err = readBuild(res.Body, log)
	if id == "" {
		id = tag // the classic builder does not say
	}
	return id, err
}

// builderVersion is BuildKit unless the engine has none. Engine 20.10 leaves
// its answer empty although it has.
func (b *Backend) builderVersion(ctx context.Context) (build.BuilderVersion, error) {
	ping, err := b.api.Ping(ctx, client.PingOptions{})
	if err != nil {
		return "", engineError(err)
	}
	if ping.BuilderVersion == build.BuilderV1 || ping.OSType == "windows" {
		return build.BuilderV1, nil
	}
	return build.BuilderBuildKit, nil
}

// buildError is a failed build in the engine's own words.
type buildError struct {
	text string
	code int
}

func (e *buildError) Error() string { return e.text }

func (e *buildError) Unwrap() error { return &backends.ExitError{Code: e.code} }

// readBuild copies the progress of a build to log, to the end: a failure is
// part of the stream.
func readBuild(r io.Reader, log io.Writer) (id string, err error) {
	trace := newTrace(log)
	dec := json.NewDecoder(r)
	for {
		var m jsonstream.Message
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return id, nil
		} else if err != nil {
			return "", err
		}
		switch {
		case m.Error != nil:
			code := m.Error.Code
			if code == 0 {
				code = 1
			}
			return "", &buildError{m.Error.Message, code}
		case m.ID == "moby.buildkit.trace" && m.Aux != nil:
			trace.message(*m.Aux)
		case m.Aux != nil:
			var aux struct{ ID string }
			if json.Unmarshal(*m.Aux, &aux) == nil && aux.ID != "" {
				id = aux.ID
			}
		case m.Stream != "":
			if _, err := io.WriteString(log, m.Stream); err != nil {
				return "", err
			}
		}
	}
}
