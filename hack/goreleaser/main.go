// Goreleaser FILE checks that FILE has only settings that goreleaser knows, of
// the right types, and none that is deprecated, with goreleaser's own parser. It
// is most of "goreleaser
// check" and fit for every change: the whole tool is 1500 packages, which take
// six minutes on two cores. The rest is in make release-check.
//
// It is a module of its own, so that the plugin's go.mod knows nothing of it.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: goreleaser FILE")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func check(file string) error {
	project, err := config.Load(file)
	if err == nil && project.Version != 2 {
		err = fmt.Errorf("version %d of the format, want 2", project.Version)
	}
	return errors.Join(err, deprecated(reflect.ValueOf(project), ""))
}

// deprecated returns an error for each setting in v that is deprecated, as
// goreleaser marks it for its JSON schema.
func deprecated(v reflect.Value, path string) (err error) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return deprecated(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			err = errors.Join(err, deprecated(v.Index(i), fmt.Sprintf("%s[%d]", path, i)))
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			at := strings.TrimPrefix(path+"."+name, ".")
			switch {
			case !field.IsExported() || value.IsZero():
			case strings.Contains(field.Tag.Get("jsonschema"), "deprecated=true"):
				err = errors.Join(err, fmt.Errorf("%s is deprecated", at))
			default:
				err = errors.Join(err, deprecated(value, at))
			}
		}
	}
	return err
}
