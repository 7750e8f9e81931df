package ociarchive_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-bottle/docker-bottle/ociarchive"
)

func testImage() ociarchive.Image {
	earlier := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return ociarchive.Image{
		Reference: "docker-bottle/web:3",
		Platform:  ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"},
		Created:   time.Date(2026, 10, 7, 8, 9, 10, 123456789, time.UTC),
		Author:    "somebody <s@example.com>",
		Comment:   "before the <big> change",
		History:   []ocispec.History{{Created: &earlier, CreatedBy: "ADD rootfs / # buildkit"}},
		Config: dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{
				User:         "1000:1000",
				ExposedPorts: map[string]struct{}{"8080/tcp": {}},
				Env:          []string{"PATH=/usr/bin:/bin", `ODD=a"b $c & <d>`},
				Entrypoint:   []string{"/bin/init", "--"},
				Cmd:          []string{"/bin/agent", "with space"},
				Volumes:      map[string]struct{}{"/data": {}},
				WorkingDir:   "/work",
				Labels:       map[string]string{"io.github.docker-bottle.snapshot.number": "3"},
				StopSignal:   "SIGINT",
			},
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{
				Healthcheck: &dockerspec.HealthcheckConfig{Test: []string{"CMD", "true"}, Interval: time.Minute, Retries: 2},
				OnBuild:     []string{"RUN true"},
				Shell:       []string{"/bin/ash", "-c"},
			},
		},
	}
}

// createArchive returns a file to write an archive to.
func createArchive(tb testing.TB) *os.File {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "archive.tar"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}
