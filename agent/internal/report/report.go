// Package report describes one backup run and keeps the description until the storage has it.
package report

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"time"

	"coffre.invalid/agent/internal/identity"
)

// Prefix is where reports live in the machine's bucket.
const Prefix = "reports/"

// Suffixes of a report's name: sealed, and in clear as an agent of before has left it on the machine.
const (
	sealedSuffix = ".sealed"
	plainSuffix  = ".json"
)

// Result is how a run ended.
type Result string

// Results of a run.
const (
	// Success: everything the plan names is in the snapshot, which was read back.
	Success Result = "success"
	// Partial: there is a snapshot, and it lacks something.
	Partial Result = "partial"
	// Failed: there is no snapshot of this run, or none that can be restored.
	Failed Result = "failed"
	// Quota: no snapshot, because the tenant's quota is reached.
	Quota Result = "quota"
)

// UnreadableLimit is how many unreadable paths a report names; UnreadableCount says how many there were.
const UnreadableLimit = 20

// Sample is a file that was in the snapshot and did not change during the run.
type Sample struct {
	Path      string `json:"path"`
	SizeBytes int64  `json:"size_bytes"`
	SHA256    string `json:"sha256"`
	// PathBase64 has the bytes of a path that is no UTF-8: Path shows each of those bytes as U+FFFD.
	PathBase64 string `json:"path_base64,omitempty"`
}

// Report is one finished run. BytesAdded is what the repository grew by, after compression; BytesProcessed is the size
// of the files looked at. GenerationSeen is the newest generation whose signature this machine has verified, never
// below GenerationApplied. FailedGeneration is a newer one that could not be applied, null usually; AccessKeyID is the
// key that the run used. OrdersSeenAt is when this machine last read orders on the storage that it may obey, null never.
// ClockOffsetSeconds is the local clock minus the server's, null when no server answered.
// Number counts this machine's reports, one by one; 0 when it could not be kept, because the disk is full for instance.
// MissingSnapshotID is this machine's own last snapshot when the storage does not have it any more, null usually, and
// MissingSnapshotAt when it was made. Identity says which machine this is: another may have got a copy of its files.
// Paths are what each path of the plan gave, those first that are not as they should be, null when nothing was saved;
// PathsCount is how many the plan has. Integrity is what reading the snapshot back showed, "" when there is none;
// MissingPacks counts the packs that the index names and the storage lacks or has shorter. BytesNew are the bytes that the
// repository did not have, before compression: BytesAdded is what they came to. Changes are null when there was no snapshot
// to compare with, Bait when the machine has no bait files. UploadBytesPerSecond is BytesAdded over the seconds that restic
// ran, null when too little was stored to tell.
type Report struct {
	Version                int                `json:"version"`
	Number                 int64              `json:"number"`
	TenantID               string             `json:"tenant_id"`
	Machine                string             `json:"machine"`
	RunID                  string             `json:"run_id"`
	StartedAt              time.Time          `json:"started_at"`
	FinishedAt             time.Time          `json:"finished_at"`
	Result                 Result             `json:"result"`
	Message                string             `json:"message"`
	SnapshotID             *string            `json:"snapshot_id"`
	ResticExitCode         *int               `json:"restic_exit_code"`
	BytesAdded             uint64             `json:"bytes_added"`
	BytesProcessed         uint64             `json:"bytes_processed"`
	FilesProcessed         uint64             `json:"files_processed"`
	Unreadable             []string           `json:"unreadable"`
	UnreadableCount        int                `json:"unreadable_count"`
	AgentVersion           string             `json:"agent_version"`
	ResticVersion          string             `json:"restic_version"`
	GenerationApplied      int64              `json:"generation_applied"`
	GenerationSeen         int64              `json:"generation_seen"`
	AccessKeyID            string             `json:"access_key_id"`
	FailedGeneration       *int64             `json:"failed_generation"`
	FailedGenerationReason string             `json:"failed_generation_reason"`
	OrdersSeenAt           *time.Time         `json:"orders_seen_at"`
	ClockOffsetSeconds     *float64           `json:"clock_offset_seconds"`
	MissingSnapshotID      *string            `json:"missing_snapshot_id"`
	MissingSnapshotAt      *time.Time         `json:"missing_snapshot_at"`
	Identity               *identity.Identity `json:"identity,omitempty"`
	Samples                []Sample           `json:"samples"`
	Paths                  []Path             `json:"paths"`
	PathsCount             int                `json:"paths_count"`
	Integrity              Integrity          `json:"integrity"`
	MissingPacks           int                `json:"missing_packs"`
	BytesNew               uint64             `json:"bytes_new"`
	Changes                *Changes           `json:"changes"`
	Bait                   *Bait              `json:"bait"`
	UploadBytesPerSecond   *int64             `json:"upload_bytes_per_second,omitempty"`
}

// Changes are the files of a snapshot against those of the snapshot before. FilesRemoved counts those of before that are no
// more, null when it is not known how many there were.
type Changes struct {
	FilesNew        uint64  `json:"files_new"`
	FilesChanged    uint64  `json:"files_changed"`
	FilesUnmodified uint64  `json:"files_unmodified"`
	FilesRemoved    *uint64 `json:"files_removed"`
	// FilesIncompressible are those of the new and changed ones whose new content does not compress.
	FilesIncompressible uint64 `json:"files_incompressible"`
	// BytesLarge are those of the large ones among them that are new.
	BytesLarge uint64 `json:"bytes_large"`
}

// Bait is what became of the bait files that the agent keeps. Read are those of the intact ones that something has read.
type Bait struct {
	Intact  int `json:"intact"`
	Changed int `json:"changed"`
	Gone    int `json:"gone"`
	Read    int `json:"read"`
}

// Encode is the document as it is stored.
func (r Report) Encode() ([]byte, error) {
	if r.Unreadable == nil {
		r.Unreadable = []string{}
	}
	if r.Samples == nil {
		r.Samples = []Sample{}
	}
	body, err := json.MarshalIndent(r, "", "  ")
	return append(body, '\n'), err
}

var invocationID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// RunID names a run: systemd's own id of the service's start, so that whoever started it finds its report, otherwise
// a random one of the same form.
func RunID(invocation string) string {
	if invocationID.MatchString(invocation) {
		return invocation
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // Never returns an error, says crypto/rand.
	return hex.EncodeToString(random[:])
}
