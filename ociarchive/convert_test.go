package ociarchive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

// saved is an image as an engine has it, to be saved in one of its forms.
type saved struct {
	config   []byte
	platform ocispec.Platform
	layers   [][]byte
}

const savedConfig = `{
	"User": "dev", "Entrypoint": ["/bin/init", "--"], "Cmd": ["a", "b c"], "WorkingDir": "/work", "Env": ["PATH=/bin", "ODD=<\"&\">"],
	"Healthcheck": {"Test": ["CMD", "true"], "Interval": 60000000000}, "StopSignal": "SIGINT", "ArgsEscaped": false,
	"NotYetKnown": {"User": "kept", "Number": 12345678901234567890, "List": [1.50, null]}
}`

// newSaved returns an image of linux with a config as of docker build.
func newSaved(t *testing.T, architecture string, layers ...[]byte) saved {
	t.Helper()
	var ids []digest.Digest
	for _, layer := range layers {
		ids = append(ids, digest.FromBytes(layer))
	}
	config, err := json.Marshal(map[string]any{
		"architecture":           architecture,
		"os":                     "linux",
		"created":                "2026-01-02T03:04:05.6Z",
		"config":                 json.RawMessage(savedConfig),
		"container_config":       map[string]any{"User": "dev", "Cmd": []string{"#(nop)"}},
		"rootfs":                 map[string]any{"type": "layers", "diff_ids": ids},
		"history":                []map[string]any{{"created_by": "COPY . / # <buildkit>"}},
		"moby.buildkit.cache.v0": "AAAA",
	})
	if err != nil {
		t.Fatal(err)
	}
	return saved{config, ocispec.Platform{OS: "linux", Architecture: architecture}, layers}
}

// testLayers are two layers, and the tree that they make.
func testLayers(t *testing.T) (lower, upper []byte, merged []file) {
	t.Helper()
	lower = tree(t, dir("etc/", 0o755), reg("etc/a", "1"), reg("etc/b", "2"), symlink("link", "etc/a"))
	upper = tree(t, reg("etc/.wh.b", ""), reg("etc/c", "3"))
	return lower, upper, []file{dir("etc/", 0o755), reg("etc/a", "1"), reg("etc/c", "3"), symlink("link", "etc/a")}
}

// classic is what docker save wrote before 25: a layer that an archive has
// already is a link to it.
func classic(t *testing.T, link byte, images ...saved) []file {
	t.Helper()
	var all, last []file
	var manifest []map[string]any
	first := map[string]string{} // by content
	for i, image := range images {
		name := digest.FromBytes(image.config).Encoded() + ".json"
		var layers []string
		for j, content := range image.layers {
			id := strings.Repeat(string(rune('a'+i))+string(rune('0'+j)), 32)
			layers = append(layers, id+"/layer.tar")
			all = append(all, dir(id+"/", 0o755), reg(id+"/VERSION", "1.0"), reg(id+"/json", `{"id":"`+id+`","os":"linux"}`))
			at, there := first[string(content)]
			switch {
			case !there:
				first[string(content)] = id + "/layer.tar"
				all = append(all, reg(id+"/layer.tar", string(content)))
			case link == tar.TypeSymlink:
				all = append(all, symlink(id+"/layer.tar", "../"+at))
			default:
				all = append(all, file{Type: link, Name: id + "/layer.tar", Link: at})
			}
		}
		last = append(last, reg(name, string(image.config)))
		manifest = append(manifest, map[string]any{"Config": name, "RepoTags": []string{"a/b:1"}, "Layers": layers})
	}
	return slices.Concat(all, last, []file{reg("manifest.json", asJSON(t, manifest)), reg("repositories", `{"a/b":{"1":"a0"}}`)})
}

// blobs are the files of a layout.
type blobs map[string]file

func (b blobs) add(mediaType string, content []byte) ocispec.Descriptor {
	d := digest.FromBytes(content)
	name := "blobs/sha256/" + d.Encoded()
	b[name] = reg(name, string(content))
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

// add adds an image, and returns what an index says of it.
func (b blobs) image(t *testing.T, image saved) ocispec.Descriptor {
	t.Helper()
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: b.add(ocispec.MediaTypeImageConfig, image.config)}
	manifest.SchemaVersion = 2
	for _, layer := range image.layers {
		manifest.Layers = append(manifest.Layers, b.add(ocispec.MediaTypeImageLayer, layer))
	}
	desc := b.add(manifest.MediaType, []byte(asJSON(t, manifest)))
	desc.Platform = &image.platform
	return desc
}

func index(t *testing.T, manifests ...ocispec.Descriptor) []byte {
	t.Helper()
	list := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests}
	list.SchemaVersion = 2
	return []byte(asJSON(t, list))
}

// layout is all of an archive in the OCI layout, in the order of its names.
func (b blobs) layout(t *testing.T, manifests ...ocispec.Descriptor) []file {
	t.Helper()
	all := []file{dir("blobs/", 0o755), dir("blobs/sha256/", 0o755)}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		all = append(all, b[name])
	}
	return append(all, reg("index.json", string(index(t, manifests...))), reg("oci-layout", `{"imageLayoutVersion": "1.0.0"}`))
}

// attestation is what buildx puts beside an image.
func (b blobs) attestation(t *testing.T) ocispec.Descriptor {
	t.Helper()
	return b.image(t, saved{
		config:   []byte(`{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`),
		platform: ocispec.Platform{OS: "unknown", Architecture: "unknown"},
		layers:   [][]byte{[]byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`)},
	})
}

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// convert converts for arm64, as for a machine.
func convert(t *testing.T, src io.Reader) (archive *os.File, config dockerspec.DockerOCIImage, err error) {
	t.Helper()
	archive = createArchive(t)
	config, err = ociarchive.Convert(t.Context(), archive, src, "arm64", "User", "Entrypoint", "Cmd")
	return archive, config, err
}

// judge has another implementation look at all of an archive.
func judge(t *testing.T, archive *os.File) v1.Image {
	t.Helper()
	image, err := tarball.ImageFromPath(archive.Name(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	return image
}

// extract returns the tree of an image, by name.
func extract(t *testing.T, image v1.Image) []file {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	all := files(t, r)
	for i := range all {
		if all[i].Type == tar.TypeDir {
			all[i].Name = path.Clean(all[i].Name) + "/"
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func TestConvert(t *testing.T) {
	lower, upper, merged := testLayers(t)
	brace := tree(t, reg("{brace", "{"))
	braced := append(slices.Clone(merged), reg("{brace", "{"))
	plain := newSaved(t, "arm64", lower, upper)
	twice := newSaved(t, "arm64", lower, upper, lower)
	zipped := plain
	zipped.layers = [][]byte{compressed(t, lower), compressed(t, upper)}
	other := newSaved(t, "amd64", upper)
	windows := other
	windows.config = bytes.Replace(newSaved(t, "arm64", upper).config, []byte("linux"), []byte("windows"), 1)

	b := blobs{}
	oci := b.layout(t, b.image(t, plain))

	b = blobs{}
	engine25 := b.layout(t, b.image(t, twice))
	var names []string
	for _, layer := range twice.layers {
		names = append(names, "blobs/sha256/"+digest.FromBytes(layer).Encoded())
	}
	engine25 = append(engine25, reg("manifest.json", asJSON(t, []map[string]any{{
		"Config": "blobs/sha256/" + digest.FromBytes(twice.config).Encoded(), "RepoTags": nil, "Layers": names, "LayerSources": map[string]any{},
	}})))

	b = blobs{}
	gone := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("amd64"), Platform: &other.platform}
	nested := b.add(ocispec.MediaTypeImageIndex, index(t, gone, b.attestation(t), b.image(t, zipped)))
	buildx := b.layout(t, nested)

	b = blobs{}
	noConfig := b.image(t, other)
	delete(b, "blobs/sha256/"+digest.FromBytes(other.config).Encoded())
	halfSaved := b.layout(t, noConfig, b.image(t, plain))

	b = blobs{}
	many := b.layout(t, b.image(t, windows), b.image(t, other), b.image(t, plain), b.image(t, newSaved(t, "arm64", brace)))

	var dotted []file
	for _, f := range classic(t, tar.TypeSymlink, plain) {
		f.Name = "./" + f.Name
		dotted = append(dotted, f)
	}
	linked := classic(t, tar.TypeSymlink, newSaved(t, "amd64", brace), newSaved(t, "arm64", lower, upper, brace))

	for _, tt := range []struct {
		name  string
		in    []file
		image saved
		want  []file
	}{
		{"docker save", classic(t, tar.TypeSymlink, plain), plain, merged},
		{"the same layer twice", classic(t, tar.TypeSymlink, twice), twice, append(slices.Clone(merged), reg("etc/b", "2"))},
		{"the same layer twice, as a hard link", classic(t, tar.TypeLink, twice), twice, append(slices.Clone(merged), reg("etc/b", "2"))},
		{"names with a dot", dotted, plain, merged},
		{"several images", classic(t, tar.TypeSymlink, windows, other, plain), plain, merged},
		{"docker save of 25", engine25, twice, append(slices.Clone(merged), reg("etc/b", "2"))},
		{"OCI", oci, plain, merged},
		{"OCI of several platforms, one of them saved", buildx, zipped, merged},
		{"OCI of several platforms, without one's config", halfSaved, plain, merged},
		{"OCI of several images, the first that fits", many, plain, merged},
		{"a layer that begins like a document", classic(t, tar.TypeSymlink, newSaved(t, "arm64", lower, upper, brace)), newSaved(t, "arm64", lower, upper, brace), braced},
		{"and is there twice", classic(t, tar.TypeSymlink, newSaved(t, "arm64", brace, lower, upper, brace)), newSaved(t, "arm64", brace, lower, upper, brace), braced},
		{"and is another image's too", linked, newSaved(t, "arm64", lower, upper, brace), braced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			archive, config, err := convert(t, bytes.NewReader(tree(t, tt.in...)))
			if err != nil {
				t.Fatal(err)
			}
			image := judge(t, archive)
			slices.SortFunc(tt.want, func(a, b file) int { return strings.Compare(a.Name, b.Name) })
			compare(t, extract(t, image), tt.want)

			var whole dockerspec.DockerOCIImage
			if err := json.Unmarshal(tt.image.config, &whole); err != nil {
				t.Fatal(err)
			}
			if whole.Config.User != "dev" || !reflect.DeepEqual(config, whole) {
				t.Errorf("returned\n got %+v\nwant %+v", config, whole)
			}
			written, err := image.RawConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := document(t, written), document(t, tt.image.config, "User", "Entrypoint", "Cmd"); !reflect.DeepEqual(got, want) {
				t.Errorf("config\n got %v\nwant %v", got, want)
			}
			// What is written is files: not every loader follows links.
			if _, err := archive.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			for _, f := range files(t, archive) {
				if f.Type != 0 {
					t.Errorf("%q is of type %q", f.Name, f.Type)
				}
			}
		})
	}
}

// document is a config with its numbers as they are, less some of the fields
// that a container starts with.
func document(t *testing.T, config []byte, without ...string) map[string]any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(config))
	in.UseNumber()
	var d map[string]any
	if err := in.Decode(&d); err != nil {
		t.Fatal(err)
	}
	for _, name := range without {
		c := d["config"].(map[string]any)
		if _, ok := c[name]; !ok {
			t.Errorf("there is no %s to leave out", name)
		}
		delete(c, name)
	}
	return d
}

// What is not in a config is not in it after.
func TestConvertConfig(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{`{"os":"linux","architecture":"arm64"}`, `{"architecture":"arm64","os":"linux"}`},
		{`{"os":"linux","architecture":"arm64","config":null}`, `{"architecture":"arm64","config":null,"os":"linux"}`},
		{`{"os":"linux","architecture":"arm64","config":{"User":"a"}}`, `{"architecture":"arm64","config":{},"os":"linux"}`},
		{`{"os":"linux","architecture":"arm64","config":{"Env":["A=1"],"user":"b"}}`, `{"architecture":"arm64","config":{"Env":["A=1"],"user":"b"},"os":"linux"}`},
	} {
		archive, _, err := convert(t, bytes.NewReader(tree(t, classic(t, tar.TypeSymlink, saved{config: []byte(tt.config)})...)))
		if err != nil {
			t.Errorf("%s: %v", tt.config, err)
			continue
		}
		image, err := tarball.ImageFromPath(archive.Name(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := image.RawConfigFile(); string(got) != tt.want {
			t.Errorf("%s\n got %s, %v\nwant %s", tt.config, got, err, tt.want)
		}
	}
}

func TestConvertFails(t *testing.T) {
	lower, upper, _ := testLayers(t)
	plain := newSaved(t, "arm64", lower, upper)
	other := newSaved(t, "amd64", lower)
	twice := newSaved(t, "arm64", lower, lower)
	whole := classic(t, tar.TypeSymlink, plain)
	lacking := func(all []file, suffix string) []file {
		i := slices.IndexFunc(all, func(f file) bool { return strings.HasSuffix(f.Name, suffix) })
		return slices.Delete(slices.Clone(all), i, i+1)
	}
	b := blobs{}
	foreign := b.layout(t, b.image(t, other), b.attestation(t))
	c := blobs{}
	ownConfig := c.image(t, plain)
	delete(c, "blobs/sha256/"+digest.FromBytes(plain.config).Encoded())
	d := blobs{}
	badLayer := d.add(ocispec.MediaTypeImageManifest, []byte(`{"config":{"digest":"`+digest.FromString("c").String()+`"},"layers":[{"digest":"x"}]}`))
	loop := classic(t, tar.TypeSymlink, twice)
	for i := range loop {
		if strings.HasSuffix(loop[i].Name, "/layer.tar") {
			loop[i] = symlink(loop[i].Name, "../"+loop[i].Name)
		}
	}
	for _, tt := range []struct {
		name     string
		in       []file
		platform bool
		want     []string
	}{
		{"another architecture", classic(t, tar.TypeSymlink, other), true, []string{"linux/amd64", "linux/arm64"}},
		{"another architecture, OCI", foreign, true, []string{"linux/amd64", "linux/arm64"}},
		{"another system", classic(t, tar.TypeSymlink, saved{config: []byte(`{"os":"windows","architecture":"arm64"}`)}), true, []string{"windows/arm64", "linux/arm64"}},
		{"no config", lacking(whole, digest.FromBytes(plain.config).Encoded()+".json"), false, []string{"lacks its config " + digest.FromBytes(plain.config).Encoded()}},
		{"no config, OCI", c.layout(t, ownConfig), false, []string{"lacks its config blobs/sha256/"}},
		{"no layer", lacking(whole, "/layer.tar"), false, []string{"lacks its layer a0"}},
		{"a link to no layer", lacking(classic(t, tar.TypeSymlink, twice), "a0/layer.tar"), false, []string{"lacks its layer a0"}},
		{"links to each other", loop, false, []string{"lacks its layer a0"}},
		{"nothing", nil, false, []string{"neither manifest.json nor index.json"}},
		{"files of any kind", []file{reg("a", "1"), reg("b.json", "{}")}, false, []string{"neither manifest.json nor index.json"}},
		{"a manifest of another kind", []file{reg("manifest.json", `{"schemaVersion":2}`)}, false, []string{"cannot unmarshal object"}},
		{"a config that is none", classic(t, tar.TypeSymlink, saved{config: []byte(`{"os":1}`)}), false, []string{"the image's config: "}},
		{"a digest that is none", []file{reg("index.json", `{"manifests":[{"digest":"latest"}]}`)}, false, []string{`the image's index: "latest"`}},
		{"a layer's digest that is none", d.layout(t, badLayer), false, []string{`the image's manifest: "x"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := convert(t, bytes.NewReader(tree(t, tt.in...)))
			if err == nil || errors.Is(err, ociarchive.ErrPlatform) != tt.platform {
				t.Fatalf("error %v; for another platform: %v", err, tt.platform)
			}
			for _, text := range tt.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q lacks %q", err, text)
				}
			}
		})
	}
}

// An archive that ends early is an error, unless all of the image was there.
func TestConvertCutOff(t *testing.T) {
	lower, upper, _ := testLayers(t)
	plain := newSaved(t, "arm64", lower, upper)
	b := blobs{}
	for name, in := range map[string][]byte{
		"classic": tree(t, classic(t, tar.TypeSymlink, plain)...),
		"OCI":     tree(t, b.layout(t, b.image(t, plain))...),
	} {
		failed := 0
		for n := 0; n < len(in); n += 256 {
			archive, _, err := convert(t, bytes.NewReader(in[:n]))
			if err == nil {
				judge(t, archive)
				continue
			}
			failed++
		}
		if failed < len(in)/256/2 {
			t.Errorf("%s: an error for %d of %d lengths", name, failed, len(in)/256)
		}
	}
}

// unsteady fails in its own way once its first bytes are read or written.
type unsteady struct {
	io.Reader
	left int
	err  error
	call func()
}

func (f *unsteady) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p[:min(len(p), 512)])
	f.left -= n
	if f.left > 0 {
		return n, err
	}
	if f.call != nil {
		f.call()
		return n, err
	}
	return 0, f.err
}

func (f *unsteady) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left > 0 {
		return len(p), nil
	}
	return 0, f.err
}

func TestConvertStops(t *testing.T) {
	lower, upper, _ := testLayers(t)
	in := tree(t, classic(t, tar.TypeSymlink, newSaved(t, "arm64", lower, upper))...)
	cause := errors.New("engine went away")
	for left := 512; left < len(in)-2048; left += 512 {
		if _, _, err := convert(t, &unsteady{Reader: bytes.NewReader(in), left: left, err: cause}); !errors.Is(err, cause) {
			t.Errorf("source that fails after %d bytes: %v", left, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := ociarchive.Convert(ctx, io.Discard, &unsteady{Reader: bytes.NewReader(in), left: left, call: cancel}, "arm64")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d bytes: %v", left, err)
		}
		cancel()
	}
	for left := 512; left < len(in)/2; left += 512 {
		if _, err := ociarchive.Convert(t.Context(), &unsteady{left: left, err: cause}, bytes.NewReader(in), "arm64"); !errors.Is(err, cause) {
			t.Errorf("destination that is full after %d bytes: %v", left, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ociarchive.Convert(ctx, io.Discard, bytes.NewReader(in), "arm64"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}
