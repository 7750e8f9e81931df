package smolmachines

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-bottle/docker-bottle/backends/backendtest"
)

// becomeReport is a program that says as whom it runs, and what it was given.
const becomeReport = `id() { /opt/busybox id "$@"; }
echo "uid $(id -u) gid $(id -g) groups $(id -G)"
echo "home $HOME"
echo "in $(pwd)"
echo "own $name,$user,$uid,$group,$home,$gid,$groups,$spec,$n,$u,$g,$h,$members"
read -r line; echo "read $line"
printf '<%s>' "$@"
exit 3`

// The last line of neither has an end.
const (
	becomePasswd = "root:x:0:0:root:/root:/bin/sh\n" +
		"dev:x:1234:1235:D,,,:/home/dev:/bin/false\n" +
		"odd:x:1300:1235::/home/o dd:/bin/sh\n" +
		"last:x:1400:1401::/home/last:/bin/sh"
	becomeGroup = "root:x:0:\nown:x:1235:\nwheel:x:50:other,dev\nnotdev:x:51:devx,xdev,de\nend:x:52:dev"
)

// root is a tree to run programs in.
type root string

// add puts a program into the tree, with the libraries that it is linked with.
func (r root) add(t *testing.T, program, as string) {
	t.Helper()
	r.copy(t, needed(t, program), as)
}

func (r root) copy(t *testing.T, path, as string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.create(t, as, string(data), 0o755)
	for _, lib := range libraries(path) {
		if _, err := os.Stat(filepath.Join(string(r), lib)); err != nil {
			r.copy(t, lib, lib)
		}
	}
}

func (r root) create(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(string(r), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// needed is where a program is, without which there is no test.
func needed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	return path
}

var libraryPath = regexp.MustCompile(`(?m)(?:=> |^\s*)(/\S+) \(0x`)

// libraries are those of a program or a library; a static one has none.
func libraries(path string) (all []string) {
	out, _ := exec.Command("ldd", path).Output()
	for _, found := range libraryPath.FindAllStringSubmatch(string(out), -1) {
		all = append(all, found[1])
	}
	return all
}

// becoming are the programs that can make another run as another user.
var becoming = []struct {
	name string
	add  func(t *testing.T, r root)
	// names is set if it needs a user with a name, and takes no group.
	names bool
	// applet is set if the shell of Debian's busybox has its own instead.
	applet bool
}{
	{"setpriv", func(t *testing.T, r root) { r.add(t, "setpriv", "/tools/setpriv") }, false, false},
	{"chroot", func(t *testing.T, r root) { r.add(t, "chroot", "/tools/chroot") }, false, true},
	{"su", func(t *testing.T, r root) {
		r.add(t, "su", "/tools/su")
		modules, err := filepath.Glob("/lib/*/security/pam_permit.so")
		if err != nil || len(modules) != 1 {
			t.Fatalf("modules %q, %v", modules, err)
		}
		r.copy(t, modules[0], modules[0])
		var rules strings.Builder
		for _, kind := range []string{"auth", "account", "session"} {
			fmt.Fprintln(&rules, kind, "required", modules[0])
		}
		r.create(t, "/etc/pam.d/su", rules.String(), 0o644)
	}, true, true},
	{"su of busybox", func(t *testing.T, r root) {
		r.create(t, "/tools/su", "#!/opt/busybox sh\nexec /opt/busybox su \"$@\"\n", 0o755)
	}, true, false},
}

// newRoot makes a tree with the shell, and no program besides.
func newRoot(t *testing.T, shell string) root {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("only root can become others")
		}
		t.Skip("only root can become others")
	}
	busybox := backendtest.Busybox(t)
	if busybox == "" {
		t.Skip("no static busybox")
	}
	r := root(t.TempDir())
	r.add(t, busybox, "/opt/busybox")
	if shell == "busybox" {
		if err := errors.Join(os.Mkdir(filepath.Join(string(r), "bin"), 0o755), os.Symlink("/opt/busybox", filepath.Join(string(r), "bin/sh"))); err != nil {
			t.Fatal(err)
		}
	} else {
		r.add(t, shell, "/bin/sh")
	}
	r.create(t, "/etc/passwd", becomePasswd, 0o644)
	r.create(t, "/etc/group", becomeGroup, 0o644)
	r.create(t, "/dev/null", "", 0o666) // a file is good enough
	r.create(t, "/srv/a b/file", "", 0o644)
	return r
}

// become runs the script with spec and args, as root with no other groups.
func (r root) become(t *testing.T, env []string, spec string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", become, "sh", spec}, args...)...)
	cmd.Path, cmd.Err = "/bin/sh", nil
	cmd.Env = append([]string{"PATH=/tools"}, env...)
	cmd.Dir = "/srv/a b"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: string(r), Credential: &syscall.Credential{}}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("a line\n"), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestBecome(t *testing.T) {
	args := []string{"--", "-x", "--groups", "a b", `q"u'o$te\`, "", "two\nlines", "*", "dev"}
	given := "<" + strings.Join(args, "><") + ">"
	env := []string{
		"HOME=/root", "name=1", "user=2", "uid=3", "group=4", "home=5", "gid=6", "groups=7", "spec=8", "n=9", "u=10", "g=11", "h=12", "members=13",
	}
	for _, shell := range []string{"dash", "busybox"} {
		for _, tool := range becoming {
			if tool.applet && shell == "busybox" {
				continue
			}
			t.Run(shell+", "+tool.name, func(t *testing.T) {
				r := newRoot(t, shell)
				tool.add(t, r)
				for _, tt := range []struct {
					spec, ids, home string
					named           bool // and without a group
				}{
					{"dev", "uid 1234 gid 1235 groups 1235 50 52", "/home/dev", true},
					{"1234", "uid 1234 gid 1235 groups 1235 50 52", "/home/dev", true},
					{"dev:", "uid 1234 gid 1235 groups 1235 50 52", "/home/dev", true},
					{"odd", "uid 1300 gid 1235 groups 1235", "/home/o dd", true},
					{"last", "uid 1400 gid 1401 groups 1401", "/home/last", true},
					{"dev:wheel", "uid 1234 gid 50 groups 50", "/home/dev", false},
					{"dev:51", "uid 1234 gid 51 groups 51", "/home/dev", false},
					{"last:end", "uid 1400 gid 52 groups 52", "/home/last", false},
					{"1234:77", "uid 1234 gid 77 groups 77", "/home/dev", false},
					{"4000", "uid 4000 gid 0 groups 0", "/", false},
					{"4000:4001", "uid 4000 gid 4001 groups 4001", "/", false},
					{"0:50", "uid 0 gid 50 groups 50", "/root", false},
					{":wheel", "uid 0 gid 50 groups 50", "/root", false},
				} {
					out, errOut, code := r.become(t, env, tt.spec, append([]string{"/opt/busybox", "sh", "-c", becomeReport, "report"}, args...)...)
					if tool.names && !tt.named {
						if code != 126 || out != "" || !strings.Contains(errOut, "make another run as "+tt.spec+": it needs setpriv") {
							t.Errorf("%s: %q, %q and status %d; want that it cannot be", tt.spec, out, errOut, code)
						}
						continue
					}
					want := tt.ids + "\nhome " + tt.home + "\nin /srv/a b\nown 1,2,3,4,5,6,7,8,9,10,11,12,13\nread a line\n" + given
					if out != want || errOut != "" || code != 3 {
						t.Errorf("%s:\n got %q, %q and status %d\nwant %q, nothing and 3", tt.spec, out, errOut, code, want)
					}
				}
			})
		}
	}
}

// Root stays what it is, and who is nobody is not run; no program is needed
// to know that.
func TestBecomeAlone(t *testing.T) {
	for _, shell := range []string{"dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			r := newRoot(t, shell)
			for _, tt := range []struct {
				spec   string
				env    []string
				out    string
				errOut string
				code   int
			}{
				{"root", nil, "0 0 /root ", "", 3},
				{"0", []string{"HOME=/"}, "0 0 /root ", "", 3},
				{"root:root", []string{"HOME=/srv"}, "0 0 /srv ", "", 3},
				{"0:0", []string{"HOME="}, "0 0 /root ", "", 3},
				{"nobody", nil, "", "the image has no user nobody\n", 126},
				{"nobody:wheel", nil, "", "the image has no user nobody\n", 126},
				{"12 34", nil, "", "the image has no user 12 34\n", 126},
				{"-1", nil, "", "the image has no user -1\n", 126},
				{"de*", nil, "", "the image has no user de*\n", 126},
				{"dev:none", nil, "", "the image has no group none\n", 126},
				{"dev:wheel:x", nil, "", "the image has no group wheel:x\n", 126},
			} {
				out, errOut, code := r.become(t, tt.env, tt.spec, "/bin/sh", "-c", `echo -n "$(/opt/busybox id -u) $(/opt/busybox id -G) $HOME "; exit 3`)
				if out != tt.out || errOut != tt.errOut || code != tt.code {
					t.Errorf("%s: %q, %q and status %d; want %q, %q and %d", tt.spec, out, errOut, code, tt.out, tt.errOut, tt.code)
				}
			}
			// A program that is not there is the shell's to report.
			if _, errOut, code := r.become(t, nil, "0", "/none"); code != 127 || !strings.Contains(errOut, "/none") {
				t.Errorf("no program: %q and status %d", errOut, code)
			}
		})
	}
}

// Without any of the programs it is said what is needed.
func TestBecomeNobody(t *testing.T) {
	r := newRoot(t, "dash")
	for _, spec := range []string{"dev", "4000", "root:wheel"} {
		out, errOut, code := r.become(t, nil, spec, "/bin/sh", "-c", "echo ran")
		if out != "" || code != 126 || !strings.Contains(errOut, "as "+spec+": it needs setpriv, or the chroot of GNU") {
			t.Errorf("%s: %q, %q and status %d", spec, out, errOut, code)
		}
	}
}

// An image need have neither file: ids are enough.
func TestBecomeNoFiles(t *testing.T) {
	for _, shell := range []string{"dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			r := newRoot(t, shell)
			r.add(t, "setpriv", "/tools/setpriv")
			if err := os.RemoveAll(filepath.Join(string(r), "etc")); err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct{ spec, want string }{{"5", "5 0 /"}, {"5:6", "5 6 /"}, {"0", "0 0 /"}} {
				out, errOut, code := r.become(t, nil, tt.spec, "/bin/sh", "-c", `echo "$(/opt/busybox id -u) $(/opt/busybox id -G) $HOME"`)
				if out != tt.want+"\n" || errOut != "" || code != 0 {
					t.Errorf("%s: %q, %q and status %d; want %q", tt.spec, out, errOut, code, tt.want)
				}
			}
			if _, errOut, code := r.become(t, nil, "dev", "/bin/sh"); code != 126 || errOut != "the image has no user dev\n" {
				t.Errorf("by name: %q and status %d", errOut, code)
			}
		})
	}
}
