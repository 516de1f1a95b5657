package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"coffre.invalid/agent/internal/files"
)

// History is what a machine remembers of its own runs, to notice when the storage does not any more: the number of its
// newest report, and its newest snapshot with the time when that was made.
type History struct {
	TenantID   string    `json:"tenant_id"`
	Machine    string    `json:"machine"`
	Number     int64     `json:"number"`
	SnapshotID string    `json:"snapshot_id"`
	SnapshotAt time.Time `json:"snapshot_at"`
	// SnapshotFiles is how many files that snapshot has, null in histories of before.
	SnapshotFiles *uint64 `json:"snapshot_files,omitempty"`
	// Paths are what each path of the plan gave in its last good run; histories of before have none.
	Paths map[string]PathMemory `json:"paths,omitempty"`
}

// ReadHistory returns what the file remembers of this machine. One that is missing, damaged or another machine's
// remembers nothing, with a note in the last two cases: a lost history must not keep a backup from being made.
func ReadHistory(path, tenantID, machine string) (history History, note string) {
	fresh := History{TenantID: tenantID, Machine: machine}
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, ""
	}
	if err == nil {
		err = json.Unmarshal(body, &history)
	}
	if err != nil || history.Number < 0 {
		return fresh, fmt.Sprintf("%s is damaged; a new history begins", path)
	}
	if history.TenantID != tenantID || history.Machine != machine {
		return fresh, "this machine had another identity before; a new history begins"
	}
	return history, ""
}

func (h History) write(path string) error {
	body, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return files.WriteAtomic(path, append(body, '\n'), 0o600)
}

// floor is a number that SMILÉO has seen: whatever this machine has forgotten, its next one is above it.
type floor struct {
	Number int64 `json:"number"`
}

// ReadFloor returns the number of the file, 0 when there is none that counts.
func ReadFloor(path string) int64 {
	var found floor
	body, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(body, &found) != nil {
		return 0
	}
	return max(found.Number, 0)
}

// WriteFloor remembers a number that was used, here or before this machine lost its memory.
func WriteFloor(path string, number int64) error {
	body, err := json.Marshal(floor{number})
	if err != nil {
		return err
	}
	return files.WriteAtomic(path, append(body, '\n'), 0o600)
}
