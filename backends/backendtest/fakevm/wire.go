//go:build linux

package fakevm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Message is what the tool and a machine say to each other. Each is one
// packet; only requests carry files.
type Message struct {
	// Boot, Exec and Kill are requests of the tool, Other is one to a process
	// of its own, or the answer.
	Boot  *BootRequest    `json:"boot,omitempty"`
	Exec  *Spec           `json:"exec,omitempty"`
	Kill  int             `json:"kill,omitempty"`
	Other json.RawMessage `json:"other,omitempty"`
	// Signal, Rows and Cols are for the program of this connection.
	Signal int    `json:"signal,omitempty"`
	Rows   uint16 `json:"rows,omitempty"`
	Cols   uint16 `json:"cols,omitempty"`
	// Started, Failure and Exited are answers. Pid is the program's, as those
	// in the tree see it.
	Started bool     `json:"started,omitempty"`
	Pid     int      `json:"pid,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	Exited  bool     `json:"exited,omitempty"`
	Status  int      `json:"status,omitempty"`
}

// maxMessage is more than an argument list of a test.
const maxMessage = 512 << 10

// Wire is one end of a connection.
type Wire struct{ *net.UnixConn }

// Pair returns a connected wire and the file of its other end.
func Pair() (Wire, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Wire{}, nil, err
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	w, err := WireOf(near)
	return w, far, err
}

// WireOf makes a wire of a socket, and closes the file.
func WireOf(f *os.File) (Wire, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return Wire{}, err
	}
	w := Wire{conn.(*net.UnixConn)}
	return w, w.SetWriteBuffer(maxMessage)
}

func (w Wire) Send(m Message, files ...*os.File) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return fmt.Errorf("a message of %d bytes", len(data))
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = w.WriteMsgUnix(data, rights, nil)
	return err
}

// Receive returns io.EOF when the other end is gone.
func (w Wire) Receive() (Message, []*os.File, error) {
	data, rights := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*4))
	n, rn, _, _, err := w.ReadMsgUnix(data, rights)
	var m Message
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		if errors.Is(err, unix.ECONNRESET) {
			err = io.EOF
		}
		return m, nil, err
	}
	files, err := received(rights[:rn])
	if err != nil {
		return m, nil, err
	}
	return m, files, json.Unmarshal(data[:n], &m)
}

func received(rights []byte) ([]*os.File, error) {
	controls, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, control := range controls {
		fds, err := unix.ParseUnixRights(&control)
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			if err := unix.SetNonblock(fd, true); err != nil { // so that it can be closed while it is read
				return nil, err
			}
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// Request sends a request with the program's ends of the pipes, if there are
// any, and waits for the answer.
func (w Wire) Request(m Message, s *Stdio) (Message, error) {
	var files []*os.File
	if s != nil {
		files = s.theirs
	}
	if err := w.Send(m, files...); err != nil {
		return Message{}, err
	}
	if s != nil {
		s.release()
	}
	answer, _, err := w.Receive()
	if err == io.EOF {
		return answer, &Failure{Reason: NoMachine}
	}
	if err == nil && answer.Failure != nil {
		err = answer.Failure
	}
	return answer, err
}

// Dial calls the running machine of a directory.
func Dial(dir string) (Wire, error) {
	f, err := os.Open(dir) // the path itself may be too long for a socket
	if err != nil {
		return Wire{}, err
	}
	defer f.Close()
	name := filepath.Join("/proc/self/fd", fmt.Sprint(f.Fd()), socketName)
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: name, Net: "unixpacket"})
	if err != nil {
		return Wire{}, err
	}
	w := Wire{conn}
	return w, w.SetWriteBuffer(maxMessage)
}
