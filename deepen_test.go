package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"
)

// deepen IMAGE NEW N makes the image NEW of IMAGE, with layers on top of its
// own, each of one file, so that there are N: the chain that as many commits
// and boots would make in a minute.
func deepen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: deepen image new n")
	}
	depth, err := strconv.Atoi(args[2])
	ts.Check(err)
	api, err := client.New(client.FromEnv)
	ts.Check(err)
	defer api.Close()
	img, err := api.ImageInspect(context.Background(), args[0])
	ts.Check(err)

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	config := dockerspec.DockerOCIImage{Config: *img.Config}
	config.OS, config.Architecture = img.Os, img.Architecture
	config.RootFS.Type = "layers"
	var names []string
	for i := range depth {
		name := fmt.Sprintf("%d.tar", i)
		names = append(names, name)
		if i < len(img.RootFS.Layers) {
			// The engine has it, and does not look for it in the archive.
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.Digest(img.RootFS.Layers[i]))
			continue
		}
		layer := tarOf(ts, fmt.Sprintf("layer%d", i), []byte(name))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(layer))
		config.History = append(config.History, ocispec.History{CreatedBy: fmt.Sprintf("layer %d", i)})
		ts.Check(addFile(w, name, layer))
	}
	data, err := json.Marshal(config)
	ts.Check(err)
	ts.Check(addFile(w, "config.json", data))
	data, err = json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{args[1]}, "Layers": names}})
	ts.Check(err)
	ts.Check(addFile(w, "manifest.json", data))
	ts.Check(w.Close())
	res, err := api.ImageLoad(context.Background(), &archive)
	ts.Check(err)
	defer res.Close()
	answer, err := io.ReadAll(res)
	ts.Check(err)
	if _, err := api.ImageInspect(context.Background(), args[1]); err != nil {
		ts.Fatalf("%v: %s", err, answer)
	}
}

func tarOf(ts *testscript.TestScript, name string, content []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	ts.Check(addFile(w, name, content))
	ts.Check(w.Close())
	return b.Bytes()
}

func addFile(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
