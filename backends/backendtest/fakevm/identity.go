//go:build linux

package fakevm

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// identity is who a program runs as.
type identity struct {
	uid, gid int
	groups   []int
	home     string
}

// resolve looks a user up in the files of the root that this process is in.
func resolve(text string) (identity, error) {
	name, group, grouped := strings.Cut(text, ":")
	who := identity{home: "/"}
	found := false
	for _, line := range entries("/etc/passwd", 7) {
		if line[0] == name || line[2] == name {
			found = true
			who.uid, _ = strconv.Atoi(line[2])
			who.gid, _ = strconv.Atoi(line[3])
			who.home, name = line[5], line[0]
			break
		}
	}
	if !found {
		uid, err := strconv.Atoi(name)
		if err != nil {
			return who, &Failure{Reason: NoUser, Name: name}
		}
		if who.uid = uid; uid == 0 {
			who.home = "/root"
		}
	}
	return who.in(name, group, grouped)
}

// in settles the groups.
func (i identity) in(name, group string, grouped bool) (identity, error) {
	found := false
	for _, line := range entries("/etc/group", 4) {
		gid, err := strconv.Atoi(line[2])
		if err != nil {
			continue
		}
		if grouped && (line[0] == group || line[2] == group) {
			i.gid, found = gid, true
		}
		if !grouped && slices.Contains(strings.Split(line[3], ","), name) {
			i.groups = append(i.groups, gid)
		}
	}
	if !grouped || found {
		return i, nil
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return i, &Failure{Reason: NoGroup, Name: group}
	}
	i.gid = gid
	return i, nil
}

// entries reads a file of the passwd kind; without one there are none.
func entries(file string, fields int) [][]string {
	data, _ := os.ReadFile(file)
	var all [][]string
	for line := range strings.Lines(string(data)) {
		if entry := strings.Split(strings.TrimSpace(line), ":"); len(entry) >= fields {
			all = append(all, entry)
		}
	}
	return all
}

// become gives up what this process may do.
func (i identity) become() error {
	if err := syscall.Setgroups(i.groups); err != nil {
		return err
	}
	if err := syscall.Setgid(i.gid); err != nil {
		return err
	}
	return syscall.Setuid(i.uid)
}
