package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// keepAlive is the main process of every bottle. It ends on the image's stop
// signal (which is not overridden: a snapshot would inherit the override), reaps what the agent leaves behind (wait), and outlives a sleep that
// somebody kills; an image without sleep ends at once instead of spinning.
const keepAlive = `trap 'exit 0' TERM INT QUIT HUP USR1
while :; do
  sleep 2147483 & wait $!
  case $? in 126|127) exit 127;; esac
done`

// runDir holds the exit statuses of background programs, in the bottle.
const runDir = "/.bottle"

// Create makes the container. It is not started.
func (b *Backend) Create(ctx context.Context, bottle bottlestate.Bottle, image string) error {
	config := &container.Config{
		Image:      image,
		Entrypoint: []string{""}, // not nil, which would mean the image's own
		Cmd:        []string{"/bin/sh", "-c", keepAlive},
		Labels:     map[string]string{containerLabel: string(bottle.Slug)},
	}
	host := &container.HostConfig{
		Binds:       bottle.Volumes,
		Tmpfs:       tmpfs(bottle.Tmpfs),
		NetworkMode: container.NetworkMode(bottle.Network),
		Resources:   container.Resources{NanoCPUs: bottle.NanoCPUs, Memory: bottle.Memory},
	}
	ctr, err := b.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     config,
		HostConfig: host,
		Name:       backends.Name(bottle.Slug),
	})
	if err != nil {
		return b.undoCreate(ctx, bottle, ctr.ID, engineError(err))
	}
	if err := b.makeRunDir(ctx, ctr.ID); err != nil {
		return b.undoCreate(ctx, bottle, ctr.ID, err)
	}
	return nil
}

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
		Name:     strings.TrimPrefix(runDir, "/") + "/",
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
	uid, gid, err := b.user(ctx, bottle)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(own(w, tree, uid, gid)) }()
	defer r.Close()
	_, err = b.api.CopyToContainer(ctx, backends.Name(bottle.Slug), client.CopyToContainerOptions{
		DestinationPath: "/",
		Content:         r,
		// Not CopyUIDGID: it takes its own choice of ids over those in the
		// stream, and fails for a user that is not in /etc/passwd.
	})
	return engineError(err)
}

// own copies the tar stream, with every entry below WorkDir and owned by the
// given ids.
func own(dst io.Writer, src io.Reader, uid, gid int) error {
	out := tar.NewWriter(dst)
	dir := strings.TrimPrefix(backends.WorkDir, "/") + "/"
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, Uid: uid, Gid: gid, ModTime: time.Now()}); err != nil {
		return err
	}
	in := tar.NewReader(src)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		} else if err != nil {
			return err
		}
		h.Name = dir + h.Name
		if h.Typeflag == tar.TypeLink {
			h.Linkname = dir + h.Linkname
		}
		h.Uid, h.Gid, h.Uname, h.Gname = uid, gid, "", ""
		h.Format = tar.FormatPAX // the one it was read in may be too small for the new names and ids
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

// user returns the ids of the image's user, asking the running bottle itself:
// the user can be a name that only the image's /etc/passwd knows.
func (b *Backend) user(ctx context.Context, bottle bottlestate.Bottle) (uid, gid int, err error) {
	var out, errOut bytes.Buffer
	err = b.Exec(ctx, bottle, backends.Process{
		Args: []string{"/bin/sh", "-c", `while read -r key value _; do case $key in Uid:|Gid:) echo "$value";; esac; done </proc/self/status`},
	}, backends.Stdio{Out: &out, Err: &errOut})
	if err != nil {
		return 0, 0, fmt.Errorf("asking for the image's user: %w: %s", err, strings.TrimSpace(errOut.String()))
	}
	ids := strings.Fields(out.String())
	if len(ids) != 2 {
		return 0, 0, fmt.Errorf("asking for the image's user: unexpected answer %q", out.String())
	}
	uid, err = strconv.Atoi(ids[0])
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(ids[1])
	return uid, gid, err
}

// Start starts the container, and says so clearly if it cannot be kept alive.
func (b *Backend) Start(ctx context.Context, bottle bottlestate.Bottle) error {
	name := backends.Name(bottle.Slug)
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return err
	}
	if ctr.State.Paused {
		// Only a commit pauses a bottle, and the caller holds the bottle's
		// lock: this one was left behind by a program that was killed.
		_, err := b.api.ContainerUnpause(ctx, name, client.ContainerUnpauseOptions{})
		return engineError(err)
	}
	if _, err := b.api.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
		if strings.Contains(err.Error(), "/bin/sh") {
			return fmt.Errorf("the image has no /bin/sh, which a bottle needs: %w", err)
		}
		return engineError(err)
	}
	return nil
}

// Stop stops the container. The main process has a trap for the signal; the
// agent gets the engine's grace period.
func (b *Backend) Stop(ctx context.Context, bottle bottlestate.Bottle) error {
	_, err := b.api.ContainerStop(ctx, backends.Name(bottle.Slug), client.ContainerStopOptions{})
	if isNotFound(err) {
		return nil
	}
	return engineError(err)
}

// Remove removes the container, whatever its state.
func (b *Backend) Remove(ctx context.Context, bottle bottlestate.Bottle, volumes bool) error {
	ctr, err := b.inspect(ctx, bottle)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = b.api.ContainerRemove(ctx, ctr.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: volumes})
	if isNotFound(err) {
		return nil
	}
	return engineError(err)
}

// State returns what the container does. A paused one is running: it is being
// committed.
func (b *Backend) State(ctx context.Context, bottle bottlestate.Bottle) (backends.State, error) {
	ctr, err := b.inspect(ctx, bottle)
	switch {
	case isNotFound(err):
		return backends.Gone, nil
	case err != nil:
		return "", err
	case ctr.State.Running:
		return backends.Running, nil
	}
	return backends.Stopped, nil
}

// States returns the states of all bottles with one call.
func (b *Backend) States(ctx context.Context) (map[bottlestate.Slug]backends.State, error) {
	list, err := b.api.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("label", containerLabel),
	})
	if err != nil {
		return nil, engineError(err)
	}
	states := map[bottlestate.Slug]backends.State{}
	for _, ctr := range list.Items {
		slug := bottlestate.Slug(ctr.Labels[containerLabel])
		if !named(ctr.Names, backends.Name(slug)) {
			continue // made by hand from a snapshot
		}
		state := backends.Stopped
		if ctr.State == container.StateRunning || ctr.State == container.StatePaused {
			state = backends.Running
		}
		states[slug] = state
	}
	return states, nil
}

func named(names []string, name string) bool {
	for _, n := range names {
		if strings.TrimPrefix(n, "/") == name {
			return true
		}
	}
	return false
}

// inspect returns the bottle's container. A container of that name that is
// not the bottle's is an error.
func (b *Backend) inspect(ctx context.Context, bottle bottlestate.Bottle) (container.InspectResponse, error) {
	name := backends.Name(bottle.Slug)
	res, err := b.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return container.InspectResponse{}, engineError(err)
	}
	if res.Container.Config.Labels[containerLabel] != string(bottle.Slug) {
		return container.InspectResponse{}, fmt.Errorf("container %s is not a bottle: it was made by something else", name)
	}
	return res.Container, nil
}

// ChangedSince reports whether the container has run since t. The engine does
// not tell when a file changed, so one that is running may always have.
func (b *Backend) ChangedSince(ctx context.Context, bottle bottlestate.Bottle, t time.Time) (bool, error) {
	ctr, err := b.inspect(ctx, bottle)
	if isNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if ctr.State.Running {
		return true, nil
	}
	finished, err := time.Parse(time.RFC3339Nano, ctr.State.FinishedAt)
	if err != nil {
		return true, nil
	}
	return finished.After(t), nil
}

// Mounts returns the container's volumes, bind mounts and tmpfs.
func (b *Backend) Mounts(ctx context.Context, bottle bottlestate.Bottle) ([]bottlestate.Mount, error) {
	ctr, err := b.inspect(ctx, bottle)
	if err != nil {
		return nil, err
	}
	return mounts(ctr), nil
}

func mounts(ctr container.InspectResponse) []bottlestate.Mount {
	var all []bottlestate.Mount
	for _, m := range ctr.Mounts {
		mount := bottlestate.Mount{Type: string(m.Type), Source: m.Source, Target: m.Destination}
		if m.Name != "" {
			mount.Source = m.Name
		}
		all = append(all, mount)
	}
	for target := range ctr.HostConfig.Tmpfs {
		all = append(all, bottlestate.Mount{Type: "tmpfs", Target: target})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Target < all[j].Target })
	return all
}
