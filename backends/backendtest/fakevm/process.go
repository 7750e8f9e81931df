//go:build linux

package fakevm

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Process names a process for good: others may get its pid.
type Process struct {
	Pid       int    `json:"pid"`
	StartTime string `json:"startTime"`
}

// ProcessOf names the process that has the pid now.
func ProcessOf(pid int) Process { return Process{pid, startTime(pid)} }

// Alive reports whether the process has not ended.
func (p Process) Alive() bool { return p.StartTime != "" && startTime(p.Pid) == p.StartTime }

// Kill sends a signal, if the process is there.
func (p Process) Kill(signal syscall.Signal) {
	if p.Alive() {
		_ = syscall.Kill(p.Pid, signal)
	}
}

// Ended waits for the end of the process.
func (p Process) Ended(patience time.Duration) bool {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if !p.Alive() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// startTime is empty for a process that has ended, also if nobody has waited
// for it yet.
func startTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program may hold anything, so count from its end.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" || string(fields[0]) == "X" {
		return ""
	}
	return string(fields[19])
}
