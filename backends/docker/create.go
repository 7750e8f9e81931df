package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
	"github.com/docker-bottle/docker-bottle/dirtar"
)

// Create makes the container. It is not started.
func (b *Backend) Create(ctx context.Context, bottle bottlestate.Bottle, image string) error {
	exposed, ports, err := published(bottle.Ports)
	if err != nil {
		return err
	}
	config := &container.Config{
		Image:        image,
		Entrypoint:   []string{""}, // not nil, which would mean the image's own
		Cmd:          []string{"/bin/sh", "-c", backends.KeepAlive},
		Labels:       map[string]string{backends.ContainerLabel: string(bottle.Slug)},
		ExposedPorts: exposed,
	}
	host := &container.HostConfig{
		Binds:        bottle.Volumes,
		Tmpfs:        tmpfs(bottle.Tmpfs),
		NetworkMode:  container.NetworkMode(bottle.Network),
		PortBindings: ports,
		Resources:    container.Resources{NanoCPUs: bottle.NanoCPUs, Memory: bottle.Memory},
	}
	id, err := b.createContainer(ctx, client.ContainerCreateOptions{
		Config:     config,
		HostConfig: host,
		Name:       backends.Name(bottle.Slug),
	})
	if err != nil {
		return b.undoCreate(ctx, bottle, id, err)
	}
	if err := b.makeRunDir(ctx, id); err != nil {
		return b.undoCreate(ctx, bottle, id, err)
	}
	return nil
}

// createContainer is not given up halfway, but for an engine that hangs: what
// that makes by then would come to be after everybody has looked. The id is
// there with the error of a ctx that has ended meanwhile.
func (b *Backend) createContainer(ctx context.Context, options client.ContainerCreateOptions) (id string, err error) {
	creating, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(patience):
			cancel()
		case <-creating.Done():
		}
	})()
	ctr, err := b.api.ContainerCreate(creating, options)
	switch {
	case ctx.Err() != nil:
		return ctr.ID, ctx.Err()
	case err != nil:
		return "", engineError(err)
	}
	return ctr.ID, nil
}

// patience is how long an engine may take for what it should do at once.
const patience = 5 * time.Second

// undoCreate removes what a failed or cancelled create has made, and nothing
// else: a container of that name that was there before is not ours to remove.
func (b *Backend) undoCreate(ctx context.Context, bottle bottlestate.Bottle, id string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if id == "" {
		if !errors.Is(cause, context.Canceled) {
			return cause
		}
		// The engine may have got as far as making it.
		ctr, err := b.inspect(ctx, bottle)
		if err != nil {
			return cause
		}
		id = ctr.ID
	}
	_, err := b.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !isNotFound(err) {
		return errors.Join(cause, err)
	}
	return cause
}

func tmpfs(targets []string) map[string]string {
	m := map[string]string{}
	for _, target := range targets {
		path, options, _ := strings.Cut(target, ":")
		m[path] = options
	}
	return m
}

func (b *Backend) makeRunDir(ctx context.Context, id string) error {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir,
		Name:     strings.TrimPrefix(backends.RunDir, "/") + "/",
		Mode:     0o1777, // programs of every user leave a status
		ModTime:  time.Now(),
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	_, err = b.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: &buf})
	return engineError(err)
}

// CopyWorkspace unpacks the tree into WorkDir. The engine unpacks as root, so
// ownership is written into the stream, with the ids of the image's user.
func (b *Backend) CopyWorkspace(ctx context.Context, bottle bottlestate.Bottle, tree io.Reader) error {
	uid, gid, err := backends.User(ctx, b, bottle)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(dirtar.Own(w, tree, backends.WorkDir, uid, gid)) }()
	defer r.Close()
	_, err = b.api.CopyToContainer(ctx, backends.Name(bottle.Slug), client.CopyToContainerOptions{
		DestinationPath: "/",
		Content:         r,
		// Not CopyUIDGID: it takes its own choice of ids over those in the
		// stream, and fails for a user that is not in /etc/passwd.
	})
	return engineError(err)
}
