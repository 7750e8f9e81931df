//go:build linux

package containertest

import (
	"regexp"
	"strings"
)

var (
	validPath = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	validTag  = regexp.MustCompile(`^\w[\w.-]{0,127}$`)
	validHash = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	bareHash  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// reference is the name of an image, taken apart.
type reference struct{ domain, path, tag, digest string }

func parseReference(text string) (reference, error) {
	wrong := failed("invalidArgument", "invalid image reference: %s", text)
	var r reference
	rest := text
	if bareHash.MatchString(text) {
		return r, wrong
	}
	if first, path, ok := strings.Cut(rest, "/"); ok && (strings.ContainsAny(first, ".:") || strings.HasPrefix(first, "localhost")) {
		r.domain, rest = first, path
	} else if !ok && strings.HasPrefix(text, "localhost") {
		return r, wrong
	}
	if path, digest, ok := strings.Cut(rest, "@"); ok {
		if rest, r.digest = path, digest; !validHash.MatchString(digest) {
			return r, wrong
		}
	}
	if path, tag, ok := strings.Cut(rest, ":"); ok {
		if rest, r.tag = path, tag; !validTag.MatchString(tag) {
			return r, wrong
		}
	}
	if r.path = rest; !validPath.MatchString(rest) {
		return r, wrong
	}
	return r, nil
}

// tagged is the reference with the tag that it means.
func (r reference) tagged() reference {
	if r.tag == "" && r.digest == "" {
		r.tag = "latest"
	}
	return r
}

// normalized is the reference as a registry would have it.
func (r reference) normalized() reference {
	r = r.tagged()
	if r.domain == "" {
		r.domain = "docker.io"
		if !strings.Contains(r.path, "/") {
			r.path = "library/" + r.path
		}
	}
	return r
}

func (r reference) String() string {
	text := r.path
	if r.domain != "" {
		text = r.domain + "/" + text
	}
	if r.tag != "" {
		text += ":" + r.tag
	}
	if r.digest != "" {
		text += "@" + r.digest
	}
	return text
}
