// Package smolvmtest is a fake of the smolvm command line tool, for tests on
// machines that cannot have the real one. It keeps machines that hold real file
// trees and run real programs, and it refuses everything that it does not know
// the real tool to accept.
//
// A test binary becomes the tool with testscript:
//
//	testscript.Main(m, map[string]func(){"smolvm": smolvmtest.Main})
//
// Everything it keeps is in one directory, which the test names and which
// [Cleanup] empties, after it has ended all programs. [Available] says whether
// machines can run at all, [Reboot] ends them as the end of the host would.
// The environment decides how the tool behaves:
//
//	SMOLVMTEST_ROOT         the directory of the state; required
//	SMOLVMTEST_VERSION      1.9.3, 1.11.1, 1.12.0, 1.13.1, 1.14.3, 1.17.0, 1.22.0 or 1.23.0 (the default)
//	SMOLVMTEST_ARCH         an architecture that is not this host's, for artifacts
//	SMOLVMTEST_KVM          missing or denied
//	SMOLVMTEST_FOREIGN=1    be the other program of this name
//	SMOLVMTEST_HANG         commands that never return: start,pack create
//	SMOLVMTEST_FAIL         commands that fail, with the cause: pack create=disk-full;stop=no answer
//	SMOLVMTEST_STATE        what state machines are in: one=unreachable;two=paused
//	SMOLVMTEST_START_DELAY  how long a start takes, after the machine is up
//	SMOLVMTEST_PACK_DELAY   how long a pack compresses, at least
//	SMOLVMTEST_EXEC_RACE    N, the execs after a start that find no container, or N:stdout
//
// The commands of HANG and FAIL are named with their group, pack create, or
// without if that is machine. A command that hangs does so before it has
// changed anything; a start fails after the machine was up, a pack when it
// writes. These causes of a failing pack are known:
//
//	disk-full  the sidecar is cut off, and the text says so
//	corrupt    it succeeds, and what it has written is not what it should be
//	eagain     the helper says nothing for too long (smolvm#953)
//	helper     the helper does not come up
//
// Any other is the text of an I/O error. What a test may look at in the root:
//
//	argv.log            the arguments of every call, one JSON array per line
//	machines/NAME.json  all that is known of a machine, and its create's arguments
//
// # What is real
//
// A machine's root is a directory, with the owners, modes, times, links and
// xattrs of the archive's layers, which are flattened by the library that the
// real tool uses. The programs run in it by chroot, in pid and mount namespaces
// of their own, below one process that stands for the virtual machine: when
// that ends, so do all of them. Its pid is the one that status shows. Volumes,
// /workspace and the tmpfs exist only in that mount namespace, so that a pack
// does not see them. The sidecar has the real format, with a root of one layer.
//
// Without root, a user namespace takes the place of it: everything belongs to
// and runs as the one user it maps, so owners and users are lost, and what
// cannot be mounted there is not mounted.
//
// # What differs
//
// Networks, ports and sizes are recorded and not applied; a host name resolves
// unless it ends in .invalid. The state is below the root whatever HOME, XDG
// variables or SMOLVM_DATA_DIR say, but a call only knows of machines that were
// made with its own ones, as far as they say where the tool records them.
// Machines are made from docker-archives and
// artifacts: those without an image, from a directory or from stdin are
// refused, with a status that the real tool does not have, 70, and so are the
// commands and options that the real tool has and a backend does not need. An
// image of a registry is taken, and cannot be pulled. A pack of a running
// program's files, which it may be writing to, is as they are at that moment.
package smolvmtest
