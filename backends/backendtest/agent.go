package backendtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends"
)

// Busybox returns the path of the static busybox that test images are made
// of: $BOTTLE_TEST_BUSYBOX, or the one on PATH. Without one it is empty, or,
// with $CI set, the test fails.
func Busybox(t testing.TB) string {
	t.Helper()
	path := os.Getenv("BOTTLE_TEST_BUSYBOX")
	if path == "" {
		path, _ = exec.LookPath("busybox")
	}
	if path == "" && os.Getenv("CI") != "" {
		t.Fatal("no static busybox: set BOTTLE_TEST_BUSYBOX")
	}
	return path
}

const dockerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY passwd /etc/passwd
RUN mkdir -m 1777 /tmp && mkdir /var /run /root && mkdir -m 1777 /var/tmp
ENV PATH=/bin GREETING=hello
`

// agentEnd is what the image of an agent says of its own command.
const agentEnd = `ENTRYPOINT ["sh", "-c"]
CMD ["echo agent ready"]
`

// agentLabels says something of an agent, and something else.
const agentLabels = `LABEL io.github.docker-bottle.agent.secrets="A_KEY, B_KEY"
LABEL io.github.docker-bottle.agent.continue="agent --continue" kind=agent
`

const passwd = "root:x:0:0::/root:/bin/sh\ndev:x:1234:1235::/:/bin/sh\n"

// WriteAgent makes dir an agent whose image needs nothing to be pulled. Lines
// are put at the end of its Dockerfile.
func WriteAgent(dir, busybox, lines string) (backends.Source, error) {
	src := backends.Source{Dir: dir, Dockerfile: filepath.Join(dir, "Dockerfile")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return src, err
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		return src, err
	}
	for _, file := range []struct {
		name    string
		content []byte
		mode    os.FileMode
	}{
		{"busybox", data, 0o755},
		{"passwd", []byte(passwd), 0o644},
		{"Dockerfile", []byte(dockerfile + lines), 0o644},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), file.content, file.mode); err != nil {
			return src, err
		}
	}
	return src, nil
}
