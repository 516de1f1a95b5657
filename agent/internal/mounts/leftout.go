package mounts

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// kernelMade are the file systems whose files the kernel makes up. Reading them gives nothing to keep, and may never
// end or change the machine.
var kernelMade = []string{
	"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "cpuset", "debugfs", "tracefs", "securityfs", "bpf",
	"pstore", "efivarfs", "configfs", "fusectl", "mqueue", "hugetlbfs", "binfmt_misc", "rpc_pipefs", "nfsd", "nsfs",
	"selinuxfs", "smackfs", "apparmorfs", "resctrl", "functionfs", "gadgetfs", "usbfs", "dlmfs", "ocfs2_dlmfs", "xenfs",
	"binder", "spufs", "s390_hypfs", "openpromfs", "pipefs", "sockfs", "anon_inodefs", "bdev",
	// macOS: devices, and links that stand for files elsewhere.
	"devfs", "fdesc",
}

// windows are FUSE file systems that show again what lies elsewhere, to one session alone: root may not even look.
var windows = []string{"fuse.gvfsd-fuse", "fuse.gvfs-fuse-daemon", "fuse.portal", "fuse.lxcfs", "fuse.vmware-vmblock"}

// memory are the file systems that are empty after the next start; ownPlaces is where a system has them for itself.
var (
	memory    = []string{"tmpfs", "ramfs"}
	ownPlaces = []string{"/run", "/var/run", "/var/lock", "/tmp", "/var/tmp", "/dev", "/proc", "/sys"}
)

// patternsLimit bounds the patterns, each of which restic tries on every file, and bytesLimit what they come to in a
// command line.
const (
	patternsLimit = 2000
	bytesLimit    = 200_000
)

// LeftOut is what a backup leaves out of file systems, as patterns of restic's: First go before the plan's own patterns,
// Last behind them. Names says what is left out, for the journal; TooMany counts what is read all the same, because
// there are more file systems than patterns.
type LeftOut struct {
	First   []string
	Last    []string
	Names   []string
	TooMany int

	sizeBytes int
}

// LeaveOut returns what a backup of these absolute paths leaves out. A path that lies itself in memory is read as the
// plan says; a path that the kernel makes up is not. isFolder says whether a mount point is one; escape makes a pattern
// of a path.
func (t Table) LeaveOut(paths []string, isFolder func(string) bool, escape func(string) string) LeftOut {
	var out LeftOut
	var covered []string
	cleaned := make([]string, len(paths))
	for index, path := range paths {
		cleaned[index] = filepath.Clean(path)
	}
	// What may never end comes before what is only useless; a folder before what is in it, which needs no pattern then.
	for _, mount := range slices.SortedStableFunc(slices.Values(t.all), byUrgency) {
		reached, inside := t.relate(mount, cleaned)
		if !reached || isCovered(mount.Point, covered) {
			continue
		}
		group := []string{escape(mount.Point)}
		if !slices.Contains(windows, mount.Type) && isFolder(mount.Point) {
			// The folder itself is kept: a machine that is brought back needs it to start.
			group[0] = strings.TrimSuffix(group[0], "/") + "/*"
		}
		for _, path := range inside {
			group = append(group, "!"+escape(path))
		}
		if !out.add(group, isMade(mount) && len(inside) == 0) {
			continue
		}
		out.Names = append(out.Names, mount.Point+" ("+mount.Type+")")
		if len(inside) == 0 {
			covered = append(covered, mount.Point)
		}
	}
	return out
}

// add takes a pattern with those that take back what is named inside it, if there is room.
func (o *LeftOut) add(group []string, isLast bool) bool {
	sizeBytes := 0
	for _, pattern := range group {
		sizeBytes += len(pattern) + len("--exclude=") + 9 // With its end and the pointer to it.
	}
	if len(o.First)+len(o.Last)+len(group) > patternsLimit || o.sizeBytes+sizeBytes > bytesLimit {
		o.TooMany++
		return false
	}
	o.sizeBytes += sizeBytes
	if isLast {
		o.Last = append(o.Last, group...)
	} else {
		o.First = append(o.First, group...)
	}
	return true
}

func byUrgency(a, b Mount) int {
	return cmp.Or(cmp.Compare(urgency(a), urgency(b)), strings.Compare(a.Point, b.Point))
}

func urgency(mount Mount) int {
	switch {
	case slices.Contains(windows, mount.Type):
		return 2
	case isMemory(mount):
		return 1
	}
	return 0
}

func isCovered(point string, covered []string) bool {
	return slices.ContainsFunc(covered, func(folder string) bool { return isWithin(point, folder) })
}

// relate says whether a backup of the paths comes to a mount that it leaves out, and which of them are named inside it
// and are to be read: paths in memory, and paths on file systems that are mounted further down.
func (t Table) relate(mount Mount, paths []string) (reached bool, inside []string) {
	if !isMade(mount) && !isOwnMemory(mount) {
		return false, nil
	}
	for _, path := range paths {
		switch {
		case isMemory(mount) && path == mount.Point:
			return false, nil
		case isWithin(mount.Point, path):
			reached = true
		case isWithin(path, mount.Point):
			if at, _ := t.At(path); at == mount && isMade(mount) {
				reached = true
			} else {
				inside = append(inside, path)
			}
		}
	}
	return reached, inside
}

func isMade(mount Mount) bool {
	return slices.Contains(kernelMade, mount.Type) || slices.Contains(windows, mount.Type)
}

func isMemory(mount Mount) bool { return slices.Contains(memory, mount.Type) }

func isOwnMemory(mount Mount) bool {
	return isMemory(mount) &&
		slices.ContainsFunc(ownPlaces, func(place string) bool { return isWithin(mount.Point, place) })
}
