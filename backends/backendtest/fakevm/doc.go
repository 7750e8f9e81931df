// Package fakevm runs programs in file trees, each behind a process that
// stands for a virtual machine. It is what the fakes of the tools that drive
// real ones have in common.
//
// The programs run by chroot, in pid and mount namespaces that end with the
// machine. Without root, a user namespace takes the place of it: everything
// belongs to and runs as the one user it maps, and what cannot be mounted
// there is not mounted.
package fakevm
