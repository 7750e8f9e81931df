// Package containertest is a fake of Apple's container command line tool, for
// tests on machines that cannot have the real one. It keeps containers that
// hold real file trees and run real programs, and it refuses everything that
// it does not know the real tool to accept.
//
// A test binary becomes the tool with testscript:
//
//	testscript.Main(m, map[string]func(){"container": containertest.Main})
//
// Everything it keeps is in one directory, which the test names and which
// [Cleanup] empties, after it has ended all programs. [Available] says whether
// containers can run at all. The environment decides how the tool behaves:
//
//	CONTAINERTEST_ROOT            the directory of the state, and of the tool's temporary files; required
//	CONTAINERTEST_VERSION         0.12.3, 1.0.0, 1.2.0, 1.2.1, 1.2.2 or 1.4.1 (the default)
//	CONTAINERTEST_SERVER_VERSION  a service of another version than the tool's
//	CONTAINERTEST_DOWN=1          the service does not run, until system start
//	CONTAINERTEST_RPC_TIMEOUT     how long list, inspect, exec and start wait for a busy service; 10s
//	CONTAINERTEST_EXPORT_DELAY    how long an export keeps the service busy, at least
//	CONTAINERTEST_STOP_DELAY      how long a stop takes, at least
//	CONTAINERTEST_HANG            commands that never return: stop,exec,image load
//	CONTAINERTEST_FAIL            commands that fail, with the cause: export=deep-extents;start=no space left
//	CONTAINERTEST_LOG             a file that gets the arguments of every call, one JSON array per line
//
// The commands of HANG and FAIL are named without the program: export, image
// load. The word load is enough. Two causes of a failing export have the
// texts of the real ones: deep-extents, and snapshot for a disk that cannot
// be frozen. A command that hangs or fails does so before it has changed
// anything; run with a failing start, which is start's entry, deletes what it
// created, as the real one does.
//
// An export and a stop go on in the service when the tool is killed, and so do
// the programs in the containers. A disk is unmounted by a stop, and when the
// first program ends by itself. After a kill, and when the process that stands
// for the machine is killed from outside (its pid is in boot.json), an export
// lacks every file that was changed since the start: that is in the disk's
// journal, and comes back with the next start. A container that the service has lost is one
// whose directory, containers/ID in the root, the test has removed.
//
// # What is real
//
// An image is OCI content, a container's root is a directory with the owners,
// modes, times, links and xattrs of the image's layers. The programs run in
// it by chroot, in pid and mount namespaces of their own, below one process
// that stands for the container's virtual machine: when that ends, so do all
// of them. Bind mounts, volumes and tmpfs exist only in that mount namespace,
// so an export does not see them. The tool always says that it runs on arm64;
// the programs are those of the machine that it does run on.
//
// Without root, a user namespace takes the place of it: everything belongs to
// and runs as the one user it maps, so owners, USER and security.* xattrs are
// lost, and what cannot be mounted there is not mounted.
//
// # What differs
//
// Networks, ports, limits and capabilities are recorded and not applied. A
// running container is exported without being frozen. An unwritten extent is
// lost from an export like a hole, and not filled with another file's blocks.
// A layer that is cut off or garbled is unpacked for ever in all versions. An
// archive with several images or nested indexes, or with wrong sizes in its
// descriptors, is refused. A build makes one layer, of the whole tree, and
// knows few Dockerfile instructions. Output in yaml and toml, and the commands
// copy, stats, machine, network, volume, prune and registry, are refused.
package containertest
