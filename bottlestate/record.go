package bottlestate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/moby/sys/atomicwriter"
)

// ErrNotFound is returned for a bottle or a snapshot that is not recorded.
var ErrNotFound = errors.New("not found")

// ErrNewer is matched by the [CorruptError] of a record that a newer version
// has written: that one can read it.
var ErrNewer = errors.New("written by a newer docker bottle")

// CorruptError is returned for a file that is there but cannot be used: not
// JSON, not a record, or written by a newer version. The file is left alone.
type CorruptError struct {
	// Slug is the bottle that the file is about.
	Slug Slug
	Path string
	Err  error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

func (e *CorruptError) Unwrap() error { return e.Err }

// unknown keeps the fields that another version wrote, so that a rewrite by
// this one does not lose them.
type unknown struct{ fields map[string]json.RawMessage }

func (u *unknown) rest() *map[string]json.RawMessage { return &u.fields }

type record interface {
	rest() *map[string]json.RawMessage
}

// readRecord fills r from the bottle's file at path, or returns ErrNotFound or
// a *CorruptError.
func readRecord(slug Slug, path string, r record) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	} else if err != nil {
		return err
	}
	var head struct{ Version int }
	if err := json.Unmarshal(data, &head); err != nil {
		return &CorruptError{slug, path, fmt.Errorf("not a record of docker bottle: %w", err)}
	}
	switch {
	case head.Version > Version:
		return &CorruptError{slug, path, fmt.Errorf("%w (record version %d, this one knows %d): update the plugin", ErrNewer, head.Version, Version)}
	case head.Version < 1:
		return &CorruptError{slug, path, errors.New("not a record of docker bottle: it has no version")}
	}
	if err := json.Unmarshal(data, r); err != nil {
		return &CorruptError{slug, path, err}
	}
	if err := json.Unmarshal(data, r.rest()); err != nil {
		return err
	}
	// A known field is r's alone: one that is emptied is to be left out, not
	// to come back with the value that was read.
	fields := reflect.TypeOf(r).Elem()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		delete(*r.rest(), name)
	}
	return nil
}

// writeRecord writes r whole: after a failure or a crash the file is as it
// was before, or it is complete.
func writeRecord(path string, r record) error {
	known, err := json.Marshal(r)
	if err != nil {
		return err
	}
	all := map[string]json.RawMessage{}
	for name, value := range *r.rest() {
		all[name] = value
	}
	if err := json.Unmarshal(known, &all); err != nil {
		return err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	return atomicwriter.WriteFile(path, out.Bytes(), 0o600)
}
