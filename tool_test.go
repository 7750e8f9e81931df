package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/docker-bottle/docker-bottle/backends/macoscontainer/containertest"
	"github.com/docker-bottle/docker-bottle/backends/smolmachines/smolvmtest"
)

// fakes are the tools whose fakes this test binary is, under their names.
var fakes = map[string]func(){
	"container": containertest.Main,
	"smolvm":    smolvmtest.Main,
}

// fake runs the tool that this program was called as, if it was.
func fake() {
	name := filepath.Base(os.Args[0])
	run, ok := fakes[name]
	if !ok {
		return
	}
	if socket := os.Getenv(toolSocket); socket != "" {
		os.Exit(announced(name, socket))
	}
	run()
}

// toolSocket is the variable with the socket where each call of a tool is
// announced before it does anything, and again when its answer has come. The
// one who called it may be dead by the time that is answered.
const toolSocket = "BOTTLE_TEST_TOOL_SOCKET"

// announced runs the tool as a program of its own, and passes its answer on.
func announced(name, socket string) (code int) {
	if err := announce(socket, "before", os.Args[1:]); err != nil {
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		return complain(err)
	}
	// Files, not pipes: a machine that the tool has started holds them open.
	var files [2]*os.File
	for i := range files {
		if files[i], err = os.CreateTemp("", "tool"); err != nil {
			return complain(err)
		}
		defer os.Remove(files[i].Name())
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = name
	cmd.Env = append(os.Environ(), toolSocket+"=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, files[0], files[1]
	err = cmd.Run()
	if announce(socket, "after", os.Args[1:]) != nil {
		return 1
	}
	for i, to := range []io.Writer{os.Stdout, os.Stderr} {
		if _, err := files[i].Seek(0, io.SeekStart); err != nil {
			return complain(err)
		}
		if _, err := io.Copy(to, files[i]); err != nil {
			return complain(err)
		}
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func announce(socket, phase string, args []string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s %q\n", phase, strings.Join(args, " ")); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}
