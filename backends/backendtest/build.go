package backendtest

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
)

func testIdentity(t *testing.T, s *suite) {
	if s.be.Name() == "" {
		t.Error("the backend has no name")
	}
	if version, err := s.be.Version(t.Context()); err != nil || version == "" {
		t.Errorf("version %q, %v", version, err)
	}
}

// An image is known with its command, and what its labels say of its agent.
func testBuild(t *testing.T, s *suite) {
	b := s.bottle(t)
	image := s.build(t, &b, agentLabels+agentEnd)
	if image.ID == "" {
		t.Error("the image has no ID")
	}
	if !slices.Equal(image.Entrypoint, []string{"sh", "-c"}) || !slices.Equal(image.Command, []string{"echo agent ready"}) {
		t.Errorf("entrypoint %q, command %q", image.Entrypoint, image.Command)
	}
	want := map[string]string{backends.AgentLabel + "secrets": "A_KEY, B_KEY", backends.AgentLabel + "continue": "agent --continue"}
	if !maps.Equal(image.Labels, want) {
		t.Errorf("labels %q, want %q", image.Labels, want)
	}
	s.state(t, b, backends.Gone)

	// What is built again may come from somewhere else.
	if again := s.build(t, &b, agentLabels+agentEnd); !maps.Equal(again.Labels, want) {
		t.Errorf("built again, labels %q, want %q", again.Labels, want)
	}

	// An image that is there can be had by what Build called it.
	b.Image = image.ID
	again, err := s.be.Build(t.Context(), b, backends.Source{}, nil)
	if err != nil || again.ID != image.ID || !slices.Equal(again.Command, image.Command) || !maps.Equal(again.Labels, want) {
		t.Errorf("looked up as %+v, %v; built as %+v", again, err, image)
	}
}

// A failed build says why in its log, and fails with the builder's status.
func testBuildFails(t *testing.T, s *suite) {
	b := s.bottle(t)
	src, err := WriteAgent(t.TempDir(), s.busybox, "RUN echo said-before-the-end; exit 7\n")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, err = s.be.Build(t.Context(), b, src, &log)
	if exitCode(err) < 1 {
		t.Errorf("got %v, want an ExitError", err)
	}
	if !strings.Contains(log.String(), "said-before-the-end") {
		t.Errorf("the log does not have the failed step's output:\n%s", log.String())
	}
}

// A name that no image has is an error, and is not looked for elsewhere.
func testImageUnknown(t *testing.T, s *suite) {
	b := s.bottle(t)
	b.Image = s.word + "/none:1"
	if _, err := s.be.Build(t.Context(), b, backends.Source{}, nil); err == nil || !strings.Contains(err.Error(), b.Image) {
		t.Errorf("got %v, want an error that names %s", err, b.Image)
	}
}
