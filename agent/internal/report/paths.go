package report

import "slices"

// PathState says whether a path of the plan gave what it should.
type PathState string

// States of a path.
const (
	// PathSaved: what is there is in the snapshot.
	PathSaved PathState = "saved"
	// PathAccepted: it gave nothing, and SMILÉO has said that this is right.
	PathAccepted PathState = "accepted"
	// PathMissing: it does not exist, or is a link to what does not.
	PathMissing PathState = "missing"
	// PathEmpty: there is no file in it.
	PathEmpty PathState = "empty"
	// PathExcluded: there are files in it, and the plan's patterns leave out all of them.
	PathExcluded PathState = "excluded"
	// PathUnreadable: it is there and could not be read.
	PathUnreadable PathState = "unreadable"
	// PathShrunk: it gave nearly nothing of what it gave in the last good run.
	PathShrunk PathState = "shrunk"
	// PathUnmounted: a file system that held its files in the last good run is not mounted.
	PathUnmounted PathState = "unmounted"
	// PathLinkRefused: it is a link that a plain user has set to what is not his own, or one that leads in circles.
	PathLinkRefused PathState = "link_refused"
)

// IsGood says whether the plan is kept.
func (s PathState) IsGood() bool { return s == PathSaved || s == PathAccepted }

// Path is what one path of the plan gave. StoredAs is where the snapshot has it: elsewhere when it is a link. Bytes are
// null when a file system did not say. FilesBefore and BytesBefore are what it gave in the last good run, null when none is
// known; MountPoint is what is not mounted any more, "" usually.
type Path struct {
	Path        string    `json:"path"`
	State       PathState `json:"state"`
	Files       uint64    `json:"files"`
	Bytes       *uint64   `json:"bytes"`
	StoredAs    string    `json:"stored_as"`
	FilesBefore *uint64   `json:"files_before"`
	BytesBefore *uint64   `json:"bytes_before"`
	MountPoint  string    `json:"mount_point"`
}

// PathsLimit is how many paths a report tells of; PathsCount says how many the plan has.
const PathsLimit = 200

// ChoosePaths are those that a report tells of, the bad ones first.
func ChoosePaths(paths []Path) []Path {
	chosen := slices.Clone(paths)
	slices.SortStableFunc(chosen, func(one, other Path) int {
		switch {
		case one.State.IsGood() == other.State.IsGood():
			return 0
		case one.State.IsGood():
			return 1
		}
		return -1
	})
	return chosen[:min(len(chosen), PathsLimit)]
}

// PathMemory is what a path gave in its last good run, and where its files lay then.
type PathMemory struct {
	Number   int64         `json:"number"`
	Files    uint64        `json:"files"`
	Bytes    uint64        `json:"bytes"`
	StoredAs string        `json:"stored_as,omitempty"`
	Mount    *MountMemory  `json:"mount,omitempty"`
	Below    []MountMemory `json:"below,omitempty"`
}

// MountMemory is one file system: where it was mounted, which one it was, and how many of a path's files it held.
type MountMemory struct {
	Point    string `json:"point"`
	Identity string `json:"identity"`
	Files    uint64 `json:"files,omitempty"`
}

// Integrity is what reading a new snapshot back showed.
type Integrity string

// What was found.
const (
	// Whole: the snapshot and its first folder can be read, and every pack that the index names is there.
	Whole Integrity = "whole"
	// PacksMissing: the storage lacks packs that the index names, or has less of them.
	PacksMissing Integrity = "packs_missing"
	// SnapshotUnreadable: the snapshot, its first folder or an index does not come back as it was written.
	SnapshotUnreadable Integrity = "snapshot_unreadable"
	// Unchecked: the storage gave no answer long enough to look.
	Unchecked Integrity = "unchecked"
)
