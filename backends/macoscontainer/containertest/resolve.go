//go:build linux

package containertest

import (
	"os"
	"slices"
	"strings"
)

// resolveImage finds the image. One that is not there is pulled by the real
// tool; here that always fails.
func (c *call) resolveImage(ref string) (image, variant, platform, error) {
	p, err := c.platform()
	if err != nil {
		return image{}, variant{}, p, err
	}
	images, err := c.images()
	if err != nil {
		return image{}, variant{}, p, err
	}
	img, ok, err := lookup(images, ref)
	if err != nil {
		return image{}, variant{}, p, err
	}
	if !ok {
		return image{}, variant{}, p, pull(ref)
	}
	v, err := c.variant(img.Descriptor, p)
	return img, v, p, err
}

func pull(ref string) error {
	r, err := parseReference(ref)
	if err != nil {
		return err
	}
	r = r.normalized()
	return failed("internalError", "failed to pull %s: HTTP request to https://registry-1.docker.io/v2/%s/manifests/%s failed: no network in containertest", r, r.path, r.tag)
}

// platform is the one asked for, else that of the host.
func (c *call) platform() (platform, error) {
	p := platform{OS: "linux", Architecture: "arm64"}
	if c.has("os") {
		p.OS = c.last("os")
	}
	if c.has("arch") {
		p.Architecture = c.last("arch")
	}
	text := c.last("platform")
	if fromEnv := os.Getenv("CONTAINER_DEFAULT_PLATFORM"); text == "" && fromEnv != "" {
		warn("Using default platform from CONTAINER_DEFAULT_PLATFORM: " + fromEnv)
		text = fromEnv
	}
	if text != "" {
		parts := strings.Split(text, "/")
		if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
			return p, failed("invalidArgument", "invalid platform %s", text)
		}
		p = platform{OS: parts[0], Architecture: parts[1], Variant: strings.Join(parts[2:], "")}
	}
	switch p.Architecture {
	case "aarch64":
		p.Architecture = "arm64"
	case "x86_64":
		p.Architecture = "amd64"
	}
	return p, nil
}
