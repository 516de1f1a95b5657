package restic

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Summary is restic's last line on a saved snapshot.
type Summary struct {
	SnapshotID          string `json:"snapshot_id"`
	FilesNew            uint64 `json:"files_new"`
	FilesChanged        uint64 `json:"files_changed"`
	FilesUnmodified     uint64 `json:"files_unmodified"`
	DirsChanged         uint64 `json:"dirs_changed"`
	DirsUnmodified      uint64 `json:"dirs_unmodified"`
	DataAdded           uint64 `json:"data_added"`
	DataAddedPacked     uint64 `json:"data_added_packed"`
	TotalBytesProcessed uint64 `json:"total_bytes_processed"`
	TotalFilesProcessed uint64 `json:"total_files_processed"`
}

// HasParent says whether restic compared with an earlier snapshot: without one, everything is new to it.
func (s Summary) HasParent() bool {
	return s.FilesChanged+s.FilesUnmodified+s.DirsChanged+s.DirsUnmodified > 0
}

// reasonLines is how many lines of a reason are told; those of a call stack do not count.
const reasonLines = 50

// unreadableKept is how many unreadable paths are remembered by name.
const unreadableKept = 20

// Transcript is what one restic process has said so far. Its methods may be called by several goroutines.
type Transcript struct {
	// OnFile is given each file that was saved, as restic's JSON has it between the quotes; it must not keep the bytes.
	OnFile func(raw []byte)

	mutex           sync.Mutex
	summary         *Summary
	unreadable      []string
	unreadableCount int
	fatal           string
	complaints      []string
	retryCount      int
	damage          Damage
	quotaSeen       bool
	incompressible  Incompressible
	lastStatus      status
	lastProgressAt  time.Time
}

type status struct {
	TotalFiles uint64 `json:"total_files"`
	FilesDone  uint64 `json:"files_done"`
	TotalBytes uint64 `json:"total_bytes"`
	BytesDone  uint64 `json:"bytes_done"`
}

var (
	verbosePrefix = []byte(`{"message_type":"verbose_status"`)
	// In a JSON string a quote is escaped, so these can only be the end of the item's own string.
	directoryEnd = []byte(`/","duration"`)
	itemBegin    = []byte(`"item":"`)
	itemEnd      = []byte(`","duration"`)
	scanFinished = []byte(`"action":"scan_finished"`)
	actionNew    = []byte(`"action":"new"`)
	dataSize     = []byte(`"data_size":`)
	sizeInStore  = []byte(`"data_size_in_repo":`)
)

// Output takes one line of standard output.
func (t *Transcript) Output(line []byte, now time.Time) {
	if bytes.HasPrefix(line, verbosePrefix) {
		t.verbose(line, now)
		return
	}
	var message struct {
		Type string `json:"message_type"`
		status
		Summary
	}
	if json.Unmarshal(line, &message) != nil {
		return // Not JSON: nothing that a decision hangs on.
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch message.Type {
	case "status":
		if message.status != t.lastStatus {
			t.lastStatus, t.lastProgressAt = message.status, now
		}
	case "summary":
		t.summary, t.lastProgressAt = &message.Summary, now
	}
}

// verbose handles the stream of one line a file, where decoding each line would cost more than all the rest.
func (t *Transcript) verbose(line []byte, now time.Time) {
	t.mutex.Lock()
	t.lastProgressAt = now
	t.mutex.Unlock()
	if t.OnFile == nil || bytes.Contains(line, directoryEnd) || bytes.Contains(line, scanFinished) {
		return
	}
	before, rest, found := bytes.Cut(line, itemBegin)
	item, sizes, isEnded := bytes.Cut(rest, itemEnd)
	if found && isEnded && len(item) > 0 {
		t.countIncompressible(bytes.Contains(before, actionNew), sizes)
		t.OnFile(item)
	}
}

// countedBytes is the least new content of a file that counts as incompressible: what restic adds to a smaller one hides
// what it saves.
const countedBytes = 2048

// largeBytes is the least new content of a new file that counts as large: a film, an image of a disk, an archive.
const largeBytes = 16 << 20

// Incompressible are the files whose new content does not compress, and the bytes of the large new ones among them.
type Incompressible struct {
	Files         uint64
	LargeNewBytes uint64
}

// countIncompressible counts a file whose new content stays as large as it is in the repository: encrypted, or compressed
// by what made it. A file without new content adds nothing.
func (t *Transcript) countIncompressible(isNew bool, sizes []byte) {
	size, inStore := numberAfter(sizes, dataSize), numberAfter(sizes, sizeInStore)
	if size < countedBytes || inStore < size/10*9 {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.incompressible.Files++
	if isNew && size >= largeBytes {
		t.incompressible.LargeNewBytes += size
	}
}

// numberAfter reads the digits behind a name, 0 when there are none.
func numberAfter(line, name []byte) uint64 {
	_, rest, found := bytes.Cut(line, name)
	if !found {
		return 0
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	number, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	if err != nil {
		return 0
	}
	return number
}

// Incompressible returns the files with new content that does not compress.
func (t *Transcript) Incompressible() Incompressible {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.incompressible
}

// DecodeItem is the path that OnFile was given, false when these are no letters of JSON.
func DecodeItem(raw []byte) (string, bool) {
	if !bytes.ContainsRune(raw, '\\') {
		return string(raw), true
	}
	var path string
	err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &path)
	return path, err == nil
}

// complaint says what a line of standard error means for the run.
type complaint int

const (
	// anyOther is a word about a file, a reason, or noise.
	anyOther complaint = iota
	// retries: the storage may be refusing it.
	retries
	// gaveUp: part of the backup is not stored and will not be.
	gaveUp
)

var notStored = regexp.MustCompile(`^Save\(<(data|index|snapshot)/[0-9a-f]+>\) failed: `)

// Complaint takes one line of standard error and says what it means.
func (t *Transcript) Complaint(line []byte) complaint {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.damage = worse(t.damage, damageIn(line))
	var message struct {
		Type   string `json:"message_type"`
		Item   string `json:"item"`
		During string `json:"during"`
		Text   string `json:"message"`
	}
	if json.Unmarshal(line, &message) == nil {
		switch {
		case message.Type == "exit_error":
			t.fatal = message.Text
		case message.Type == "error" && message.During == "archival":
			t.countUnreadable(message.Item)
		}
		return anyOther
	}
	text := strings.TrimSpace(string(line))
	if strings.Contains(text, " returned error, retrying after ") {
		t.retryCount++
		// The one place where a message is searched for a word: restic passes the server's code on in no other way. A
		// small probe can still fit under the wall where restic's pack of 16 MiB does not.
		t.quotaSeen = t.quotaSeen || strings.Contains(text, "QuotaExceeded")
		return retries
	}
	if len(t.complaints) < reasonLines && text != "" && !isNoise(text) {
		t.complaints = append(t.complaints, strings.TrimRight(string(line), " \r"))
	}
	if notStored.MatchString(text) {
		return gaveUp
	}
	return anyOther
}

func isNoise(text string) bool {
	return strings.Contains(text, "received, cleaning up") || strings.HasSuffix(text, "does not exist, skipping") ||
		strings.Contains(text, " operation successful after ")
}

func (t *Transcript) countUnreadable(path string) {
	for _, known := range t.unreadable {
		if known == path {
			return
		}
	}
	t.unreadableCount++
	if len(t.unreadable) < unreadableKept {
		t.unreadable = append(t.unreadable, path)
	}
}

// Progress returns how much is done, in bytes, of how much is known so far, and when anything last moved.
func (t *Transcript) Progress() (doneBytes, totalBytes uint64, movedAt time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.lastStatus.BytesDone, t.lastStatus.TotalBytes, t.lastProgressAt
}

// SawQuotaExceeded says whether restic reported that the server answered QuotaExceeded.
func (t *Transcript) SawQuotaExceeded() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.quotaSeen
}

// Damage is what restic said is damaged of the repository.
func (t *Transcript) Damage() Damage {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.damage
}

// Reason is what restic said about its failure: its fatal error, else its first complaints, on one line.
func (t *Transcript) Reason() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.fatal != "" {
		return OneLine(t.fatal)
	}
	return onOneLine(t.complaints)
}

// Summary returns restic's summary, nil when no snapshot was saved.
func (t *Transcript) Summary() *Summary {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.summary == nil || t.summary.SnapshotID == "" {
		return nil
	}
	return t.summary
}

// Unreadable returns up to 20 paths that could not be read, and how many there were.
func (t *Transcript) Unreadable() ([]string, int) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return append([]string(nil), t.unreadable...), t.unreadableCount
}
