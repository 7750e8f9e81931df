//go:build linux

package containertest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-bottle/docker-bottle/backends/backendtest/fakevm"
)

// archive FILE lists a tar archive: type, mode, owner, name and what follows.
func archive(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		ts.Check(err)
		fmt.Fprintf(ts.Stdout(), "%c %04o %d:%d %s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name)
		if h.Linkname != "" {
			fmt.Fprintf(ts.Stdout(), " -> %s", h.Linkname)
		}
		for key, value := range h.PAXRecords {
			fmt.Fprintf(ts.Stdout(), " %s=%q", key, value)
		}
		fmt.Fprintln(ts.Stdout())
	}
}

// vanished FILE waits until the process whose pid is in FILE has ended.
func vanished(ts *testscript.TestScript, neg bool, args []string) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	if fakevm.ProcessOf(pid).Ended(10 * time.Second) {
		return
	}
	ts.Fatalf("process %d is still there", pid)
}

// layoutOf OUT NAME LAYER [FAULT...] makes an archive for image load out of a
// layer, with something wrong about it.
func layoutOf(ts *testscript.TestScript, neg bool, args []string) {
	layer, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	faults := map[string]bool{}
	for _, fault := range args[3:] {
		faults[fault] = true
	}
	data, err := makeLayout(args[1], layer, faults)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

func makeLayout(name string, layer []byte, faults map[string]bool) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	var firstErr error
	add := func(name string, data []byte) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}
		if err := w.WriteHeader(h); err != nil && firstErr == nil {
			firstErr = err
		}
		if _, err := w.Write(data); err != nil && firstErr == nil {
			firstErr = err
		}
	}
	blob := func(mediaType string, data []byte, omit, corrupt bool) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		if corrupt {
			data = bytes.Clone(data)
			data[len(data)/2] ^= 1
		}
		if !omit {
			add("blobs/sha256/"+d.Digest.Encoded(), data)
		}
		return d
	}
	encode := func(value any) []byte {
		data, err := json.Marshal(value)
		if err != nil && firstErr == nil {
			firstErr = err
		}
		return data
	}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "arm64"}}
	if faults["amd64"] {
		config.Architecture = "amd64"
	}
	config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer)}}
	config.Config = ocispec.ImageConfig{Env: []string{"PATH=/bin", "A=1", "B=2", "C=3"}, WorkingDir: "/home/dev", User: "dev", Labels: map[string]string{"x": "y"}, Volumes: map[string]struct{}{"/v": {}}}
	if !faults["no-command"] {
		config.Config.Cmd = []string{"sleep", "1000"}
	}
	layerType, configType := ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageConfig
	if faults["layer-type"] {
		layerType = "application/x-layer"
	}
	if faults["config-type"] {
		configType = "application/x-config"
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	m.SchemaVersion = 2
	m.Layers = []ocispec.Descriptor{blob(layerType, layer, faults["thin"], faults["corrupt"])}
	m.Config = blob(configType, encode(config), false, false)
	top := blob(ocispec.MediaTypeImageManifest, encode(m), false, false)
	top.Annotations = map[string]string{}
	if name != "none" {
		top.Annotations["org.opencontainers.image.ref.name"] = name
	}
	if faults["names"] {
		top.Annotations["io.containerd.image.name"] = "second:1"
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{top}}
	index.SchemaVersion = 2
	if faults["twice"] {
		index.Manifests = append(index.Manifests, top)
	}
	if faults["size"] {
		index.Manifests[0].Size++
	}
	if !faults["no-index"] {
		add("index.json", encode(index))
	}
	if !faults["no-layout"] {
		add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	}
	if faults["link"] {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "link", Linkname: "oci-layout"}); err != nil {
			return nil, err
		}
	}
	if faults["escape"] {
		add("../outside", []byte("x"))
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), firstErr
}
