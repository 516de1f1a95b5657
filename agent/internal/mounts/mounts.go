// Package mounts tells which file systems lie where on this machine, and which of them hold nothing that a backup could
// keep: what the kernel makes up while it is read, and memory that is empty after the next start.
package mounts

import (
	"bufio"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mount is one mounted file system. Type is its name, as in "ext4", "proc" or "fuse.portal".
type Mount struct {
	Point string
	Type  string

	id, parent int
	// device is the kernel's number of the file system, root the folder of it that is mounted; "" where none is told.
	device, root string
}

// Table is what is mounted on this machine.
type Table struct {
	// all has only what can be seen: nothing that another mount hides.
	all []Mount
}

// lineLimit and tableLimit bound what is read of the kernel's table: a machine full of containers has some thousands.
const (
	lineLimit  = 1 << 20
	tableLimit = 8 << 20
)

// Parse reads the kernel's /proc/self/mountinfo. A line that is not understood is passed over.
func Parse(source io.Reader) (Table, error) {
	var listed []Mount
	scanner := bufio.NewScanner(io.LimitReader(source, tableLimit))
	scanner.Buffer(nil, lineLimit)
	for scanner.Scan() {
		if mount, ok := parseLine(scanner.Text()); ok {
			listed = append(listed, mount)
		}
	}
	return Table{visible(listed)}, scanner.Err()
}

// parseLine reads "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda1 rw"; before the dash are any number of
// optional fields.
func parseLine(line string) (Mount, bool) {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 6 || dash+1 >= len(fields) {
		return Mount{}, false
	}
	id, idErr := strconv.Atoi(fields[0])
	parent, parentErr := strconv.Atoi(fields[1])
	point := unescape(fields[4])
	if idErr != nil || parentErr != nil || !strings.HasPrefix(point, "/") {
		return Mount{}, false
	}
	return Mount{
		Point: point, Type: unescape(fields[dash+1]), id: id, parent: parent, device: fields[2], root: unescape(fields[3]),
	}, true
}

// unescape gives back the blanks, line ends and backslashes that the kernel writes as three octal digits.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var plain strings.Builder
	for index := 0; index < len(text); index++ {
		if text[index] == '\\' && index+3 < len(text) {
			if code, err := strconv.ParseUint(text[index+1:index+4], 8, 8); err == nil {
				plain.WriteByte(byte(code))
				index += 3
				continue
			}
		}
		plain.WriteByte(text[index])
	}
	return plain.String()
}

// visible drops the mounts that no path leads to, because another was put over them or over a folder above.
func visible(listed []Mount) []Mount {
	type place struct {
		parent int
		point  string
	}
	children, isListed := map[place]Mount{}, map[int]bool{}
	for _, mount := range listed {
		children[place{mount.parent, mount.Point}] = mount
		isListed[mount.id] = true
	}
	// The root's own parent is outside of what this process sees.
	top, found := Mount{}, false
	for _, mount := range listed {
		if mount.Point == "/" && (!isListed[mount.parent] || mount.parent == mount.id) {
			top, found = mount, true
		}
	}
	if !found {
		return nil
	}
	// walk goes down a path like the kernel does: into whatever lies on each folder of it, however many times.
	walk := func(path string) Mount {
		current := top
		for _, folder := range foldersOf(path) {
			for range listed {
				next, ok := children[place{current.id, folder}]
				if !ok || next.id == current.id {
					break
				}
				current = next
			}
		}
		return current
	}
	var seen []Mount
	for _, mount := range listed {
		if walk(mount.Point).id == mount.id {
			seen = append(seen, mount)
		}
	}
	return seen
}

// foldersOf lists the root and each folder on the way to a path, the path last.
func foldersOf(path string) []string {
	folders := []string{"/"}
	for index := 1; index < len(path); index++ {
		if path[index] == '/' {
			folders = append(folders, path[:index])
		}
	}
	if path != "/" {
		folders = append(folders, path)
	}
	return folders
}

// At returns the file system that a path of this machine lies on.
func (t Table) At(path string) (Mount, bool) {
	var at Mount
	found := false
	for _, mount := range t.all {
		if isWithin(path, mount.Point) && (!found || len(mount.Point) > len(at.Point)) {
			at, found = mount, true
		}
	}
	return at, found
}

// IsKnown says whether this machine tells what is mounted.
func (t Table) IsKnown() bool { return len(t.all) > 0 }

// Has says whether something is mounted exactly there.
func (t Table) Has(point string) bool {
	return slices.ContainsFunc(t.all, func(mount Mount) bool { return mount.Point == point })
}

// Identity names a folder by file system and place in it, whether or not it exists: a view of the same tree under other
// mounts, as a sandbox has it, gives the same name.
func (t Table) Identity(path string) string {
	mount, found := t.At(path)
	if !found {
		return ""
	}
	return mount.device + ":" + filepath.Join("/", mount.root, strings.TrimPrefix(path, mount.Point))
}

// isWithin says whether a path is a folder or lies below it.
func isWithin(path, folder string) bool {
	return folder == "/" || path == folder || strings.HasPrefix(path, folder+"/")
}
