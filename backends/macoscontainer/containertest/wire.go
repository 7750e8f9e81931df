//go:build linux

package containertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// message is what the tool and a container's virtual machine say to each
// other. Each is one packet; only requests carry files.
type message struct {
	// Boot, Exec, Kill and Export are requests of the tool.
	Boot   *bootRequest   `json:"boot,omitempty"`
	Exec   *guestSpec     `json:"exec,omitempty"`
	Kill   int            `json:"kill,omitempty"`
	Export *exportRequest `json:"export,omitempty"`
	// Signal and Resize are for the process of this connection.
	Signal int    `json:"signal,omitempty"`
	Rows   uint16 `json:"rows,omitempty"`
	Cols   uint16 `json:"cols,omitempty"`
	// Started, Error and Exit are answers.
	Started bool   `json:"started,omitempty"`
	Code    string `json:"code,omitempty"`
	Error   string `json:"error,omitempty"`
	Exited  bool   `json:"exited,omitempty"`
	Status  int    `json:"status,omitempty"`
}

// maxMessage is more than an argument list of a test.
const maxMessage = 512 << 10

// wire is one end of a connection.
type wire struct{ *net.UnixConn }

// pair returns a connected wire and the file of its other end.
func pair() (wire, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return wire{}, nil, err
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	w, err := wireOf(near)
	return w, far, err
}

// wireOf makes a wire of a socket, and closes the file.
func wireOf(f *os.File) (wire, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return wire{}, err
	}
	w := wire{conn.(*net.UnixConn)}
	return w, w.SetWriteBuffer(maxMessage)
}

func (w wire) send(m message, files ...*os.File) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return fmt.Errorf("containertest: a message of %d bytes", len(data))
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

// receive returns io.EOF when the other end is gone.
func (w wire) receive() (message, []*os.File, error) {
	data, rights := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*4))
	n, rn, _, _, err := w.ReadMsgUnix(data, rights)
	var m message
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

// connect calls a running container's machine.
func (ctr *container) connect() (wire, error) {
	dir, err := os.Open(ctr.dir) // the path itself may be too long for a socket
	if err != nil {
		return wire{}, err
	}
	defer dir.Close()
	name := fmt.Sprintf("/proc/self/fd/%d/vm.sock", dir.Fd())
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: name, Net: "unixpacket"})
	if err != nil {
		return wire{}, failed("invalidState", "container %s is not running", ctr.id())
	}
	w := wire{conn}
	return w, w.SetWriteBuffer(maxMessage)
}
