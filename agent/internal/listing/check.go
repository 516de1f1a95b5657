// Package listing holds what a snapshot says it contains against what an honest one can contain, before anything of it is
// shown or restored. A repository is written by whoever has the machine's key and password, and restic believes it: a
// name that stands twice in one folder, as a link and as a folder, is restored through the link.
package listing

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds that no file system goes beyond: Windows has the longest paths, 32,767 characters, and Linux the deepest ones
// that a backup can reach, 4,096 bytes of names of one letter.
const (
	pathLimit  = 128 << 10
	nameLimit  = 4 << 10
	depthLimit = 2048
)

// Fault is what an honest snapshot never has.
type Fault int

// Faults.
const (
	// Twice: a folder has a name twice, or two that this system takes for the same.
	Twice Fault = iota
	// Orphan: an entry is in something that is not a folder.
	Orphan
	// BadName: a name is empty, or means another place than its own folder.
	BadName
	// BadType: an entry has an unknown type.
	BadType
	// TooDeep: a path is longer or deeper than any file system allows.
	TooDeep
	// Unreadable: what restic says of the snapshot is no listing.
	Unreadable
	// Other: restic speaks of another snapshot than the one that was asked for.
	Other
)

var faults = map[Fault]string{
	Twice: "is there twice", Orphan: "is in something that is not a folder", BadName: "has a name that no file can have",
	BadType: "has an unknown type", TooDeep: "is deeper or longer than any file system allows",
	Unreadable: "is not a listing", Other: "belongs to another snapshot",
}

// FaultError is one fault, at one path.
type FaultError struct {
	Fault Fault
	Path  string
}

func (e *FaultError) Error() string { return fmt.Sprintf("%q %s", e.Path, faults[e.Fault]) }

// System is how names are compared where the snapshot is restored.
type System int

// Systems.
const (
	// Linux: names are bytes.
	Linux System = iota
	// MacOS: letters are the same in both cases and however composed.
	MacOS
	// Windows: like MacOS, and some characters have a meaning of their own.
	Windows
)

// SystemOf returns the system of a name in Go's words.
func SystemOf(name string) System {
	switch name {
	case "windows":
		return Windows
	case "darwin":
		return MacOS
	}
	return Linux
}

// Check takes the entries of a snapshot in restic's own order: a folder, what is in it sorted by name, then what follows
// the folder. It needs memory for the open folders alone; on systems that fold letters, for the names in them.
type Check struct {
	system System
	// exact: paths are the very bytes. Otherwise each byte that is no UTF-8 has become U+FFFD, as in JSON.
	exact     bool
	undecided bool
	open      []*folder
}

type folder struct {
	path string
	last string
	any  bool
	kin  kin
}

// New begins a check of a listing as JSON has it.
func New(system System) *Check { return &Check{system: system, open: []*folder{{path: "/"}}} }

// NewExact begins a check of a listing whose paths are the very bytes.
func NewExact(system System) *Check {
	check := New(system)
	check.exact = true
	return check
}

// IsUndecided says that two names differ at most in bytes that JSON does not show: only an exact check can tell.
func (c *Check) IsUndecided() bool { return c.undecided }

// Take looks at the next entry; the error is a *FaultError.
func (c *Check) Take(path, name, kind string) error {
	switch {
	case len(path) > pathLimit || len(name) > nameLimit || len(c.open) > depthLimit:
		return &FaultError{TooDeep, path}
	case !c.isName(name):
		return &FaultError{BadName, path}
	case !kinds[kind]:
		return &FaultError{BadType, path}
	}
	here := c.leave(path, name)
	if here == nil {
		return &FaultError{Orphan, path}
	}
	if here.any && name <= here.last {
		// restic sorts: what is not above its neighbour is the same, unless its bytes are not all seen.
		if c.exact || !isBlurred(name) && !isBlurred(here.last) {
			return &FaultError{Twice, path}
		}
		c.undecided = true
	}
	if c.system != Linux && here.kin.clashes(c.system, name, kind) {
		return &FaultError{Twice, path}
	}
	here.last, here.any = name, true
	if kind == "dir" {
		c.open = append(c.open, &folder{path: path})
	}
	return nil
}

// leave closes the folders that the entry is not in, and returns its own; nil when it stands in none.
func (c *Check) leave(path, name string) *folder {
	parent, belongs := strings.CutSuffix(path, "/"+name)
	if !belongs {
		return nil
	}
	if parent == "" {
		parent = "/"
	}
	for len(c.open) > 0 {
		last := c.open[len(c.open)-1]
		if last.path == parent {
			return last
		}
		c.open = c.open[:len(c.open)-1]
	}
	return nil
}

var kinds = map[string]bool{
	"file": true, "dir": true, "symlink": true, "dev": true, "chardev": true, "fifo": true, "socket": true,
	"irregular": true,
}

func (c *Check) isName(name string) bool {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return false
	}
	return c.system != Windows || !strings.ContainsAny(name, `\:`)
}

func isBlurred(name string) bool { return strings.ContainsRune(name, utf8.RuneError) }
