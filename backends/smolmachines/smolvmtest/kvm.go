//go:build linux

package smolvmtest

import "errors"

// bootable returns what the tool says when it cannot boot a machine, which is
// the first time that it looks.
func (s settings) bootable() error {
	switch s.kvm {
	case "missing":
		return errors.New("kvm not available: KVM not available. Ensure KVM kernel module is loaded.\nTry: sudo modprobe kvm && sudo modprobe kvm_intel  # (or kvm_amd)")
	case "denied":
		return errors.New("kvm permission denied: Cannot access /dev/kvm (permission denied).\nAdd your user to the 'kvm' group:\n  sudo usermod -aG kvm $USER")
	}
	return nil
}
