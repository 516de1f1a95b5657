package listing

import (
	"encoding/json"
	"time"
)

// LineLimit is the longest line of a listing: a path has at most 128 KiB, JSON makes up to six times of it.
const LineLimit = 1 << 20

// Entry is one entry of a snapshot as `restic ls --json` has it.
type Entry struct {
	Path    string    `json:"path"`
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	Size    uint64    `json:"size"`
	ModTime time.Time `json:"mtime"`
}

// Read reads one line of `restic ls --json` of this snapshot: an entry, or the snapshot itself, which is none.
func Read(line []byte, snapshotID string) (entry Entry, isEntry bool, err error) {
	var said struct {
		Entry
		StructType string `json:"struct_type"`
		ID         string `json:"id"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return Entry{}, false, &FaultError{Fault: Unreadable}
	}
	switch said.StructType {
	case "node":
		return said.Entry, true, nil
	case "snapshot":
		if said.ID != snapshotID {
			return Entry{}, false, &FaultError{Fault: Other}
		}
		return Entry{}, false, nil
	}
	return Entry{}, false, &FaultError{Fault: Unreadable}
}

// Blur returns a path as JSON shows it.
func Blur(path string) string {
	letters := make([]rune, 0, len(path))
	for _, letter := range path {
		letters = append(letters, letter) // Each byte that is no UTF-8 comes as U+FFFD.
	}
	return string(letters)
}
