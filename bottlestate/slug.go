package bottlestate

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
)

// Slug is a bottle's name. It is valid as a container name, an image
// repository and a host name on every engine; make one with [ParseSlug].
type Slug string

var slugRE = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// ParseSlug returns s as a Slug, or an error that says which names are valid.
func ParseSlug(s string) (Slug, error) {
	if len(s) < 2 || len(s) > 40 || !slugRE.MatchString(s) {
		return "", fmt.Errorf("%q is not a valid bottle name: use 2 to 40 lower-case letters and digits, with single dashes between them", s)
	}
	return Slug(s), nil
}

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// RandomSlug returns prefix, a dash and five random base36 characters; prefix
// is shortened where the whole would be too long for a slug.
func RandomSlug(prefix string) (Slug, error) {
	var b [5]byte
	// crypto/rand.Read does not return an error since Go 1.24.
	rand.Read(b[:])
	for i := range b {
		b[i] = base36[int(b[i])%len(base36)]
	}
	if len(prefix) > 34 {
		prefix = prefix[:34]
	}
	return ParseSlug(strings.TrimRight(prefix, "-") + "-" + string(b[:]))
}
