package macoscontainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/docker-bottle/docker-bottle/backends"
	"github.com/docker-bottle/docker-bottle/bottlestate"
)

// container is what list and inspect tell of one, as of version 1.0.
type container struct {
	ID            string
	Configuration struct {
		Image struct {
			Reference  string
			Descriptor struct{ Digest string }
		}
		InitProcess struct {
			Environment      []string
			WorkingDirectory string
			User             user
		}
		CreationDate time.Time
		Labels       map[string]string
		Mounts       []mount
		Networks     []struct{ Network string }
		Platform     platform

		PublishedPorts []struct {
			HostAddress                    string
			HostPort, ContainerPort, Count int
			Proto                          string
		}

		Resources  struct{ CPUs, MemoryInBytes int64 }
		StopSignal string
	}
	Status struct {
		State       string
		StartedDate time.Time
		Networks    []struct{ IPv4Address, IPv4Gateway string }
	}
}

type mount struct {
	Type        map[string]json.RawMessage
	Source      string
	Destination string
	Options     []string
}

// user is either a name, which may have a group, or ids.
type user struct {
	Raw struct{ UserString string }
	ID  struct{ UID, GID int }
}

func (u user) String() string {
	if u.Raw.UserString != "" {
		return u.Raw.UserString
	}
	return fmt.Sprintf("%d:%d", u.ID.UID, u.ID.GID)
}

type platform struct{ OS, Architecture, Variant string }

// image is what image inspect tells of one.
type image struct {
	ID            string // the index's digest, without the algorithm
	Configuration struct{ Name string }
	Variants      []variant
}

type variant struct {
	Platform platform
	Digest   string
	Size     int64
	Config   struct {
		Created time.Time
		Config  imageConfig
	}
}

// imageConfig is the part of an image's config that the tool shows.
type imageConfig struct {
	User       string            `json:",omitempty"`
	Env        []string          `json:",omitempty"`
	Entrypoint []string          `json:",omitempty"`
	Cmd        []string          `json:",omitempty"`
	WorkingDir string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	StopSignal string            `json:",omitempty"`
}

func (c container) state() backends.State {
	if c.Status.State == "running" {
		return backends.Running
	}
	return backends.Stopped
}

// addresses returns what the container is on its networks, and their gateways.
func (c container) addresses() (own, gateways []netip.Addr) {
	for _, n := range c.Status.Networks {
		address, _, _ := strings.Cut(n.IPv4Address, "/")
		if a, err := netip.ParseAddr(address); err == nil {
			own = append(own, a)
		}
		if a, err := netip.ParseAddr(n.IPv4Gateway); err == nil {
			gateways = append(gateways, a)
		}
	}
	return own, gateways
}

// inspect returns the bottle's container. One of that name that is not the
// bottle's is an error.
func (b *Backend) inspect(ctx context.Context, bottle bottlestate.Bottle) (container, error) {
	name := backends.Name(bottle.Slug)
	var all []container
	if err := b.ask(ctx, &all, "inspect", name); err != nil {
		return container{}, err
	}
	if len(all) != 1 {
		return container{}, fmt.Errorf("container inspect %s: %d answers", name, len(all))
	}
	if all[0].Configuration.Labels[backends.ContainerLabel] != string(bottle.Slug) {
		return container{}, fmt.Errorf("container %s is not a bottle: it was made by something else", name)
	}
	return all[0], nil
}

// inspectImage returns the image that is called ref, and the variant of it
// that this machine runs, or ErrNotFound. The tool finds an image by a name
// that it had before it was tagged, too; that is not the one.
func (b *Backend) inspectImage(ctx context.Context, ref string) (image, variant, error) {
	var all []image
	if err := b.ask(ctx, &all, "image", "inspect", ref); err != nil {
		return image{}, variant{}, err
	}
	for _, img := range all {
		if !sameName(img.Configuration.Name, ref) {
			continue
		}
		if v, ok := img.own(); ok {
			return img, v, nil
		}
		return image{}, variant{}, fmt.Errorf("image %s is not there for linux/%s", ref, architecture)
	}
	return image{}, variant{}, apple.Failure([]string{"image", "inspect"}, "image not found: "+ref, errors.New("exit status 1"))
}

// own is the variant that this machine runs.
func (i image) own() (variant, bool) {
	for _, v := range i.Variants {
		if v.Platform.OS == "linux" && v.Platform.Architecture == architecture {
			return v, true
		}
	}
	return variant{}, false
}

// sameName reports whether two references name one image, where one may lack
// the registry or the tag.
func sameName(a, b string) bool {
	x, errX := reference.ParseNormalizedNamed(a)
	y, errY := reference.ParseNormalizedNamed(b)
	return errX == nil && errY == nil && reference.TagNameOnly(x).String() == reference.TagNameOnly(y).String()
}

// architecture is that of the machine's own containers: the tool runs on
// Apple silicon alone.
const architecture = "arm64"

func (b *Backend) ask(ctx context.Context, answer any, args ...string) error {
	out, err := b.run(ctx, b.limits.quick, args...)
	if err != nil {
		return err
	}
	return parse(out, answer, args)
}

func parse(out string, answer any, args []string) error {
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		return apple.Failure(args, "", err)
	}
	return nil
}

func volumeName(detail json.RawMessage) string {
	var volume struct{ Name string }
	_ = json.Unmarshal(detail, &volume) // a volume without a name has none to show
	return volume.Name
}
