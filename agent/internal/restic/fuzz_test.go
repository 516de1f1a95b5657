package restic

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzTranscript reads anything as restic's two streams, line by line as a process gives them.
func FuzzTranscript(f *testing.F) {
	names, err := filepath.Glob("testdata/transcript-*.txt")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, body)
	}
	f.Fuzz(func(t *testing.T, output, complaints []byte) {
		offered := 0
		transcript := &Transcript{OnFile: func(raw []byte) {
			if path, known := DecodeItem(raw); known && path == "" {
				t.Fatal("a file without a path")
			}
			offered++
		}}
		now := time.Unix(1, 0)
		readErr := eachLine(bytes.NewReader(output), func(line []byte) { transcript.Output(line, now) })
		complainErr := eachLine(bytes.NewReader(complaints), func(line []byte) { transcript.Complaint(line) })
		if readErr != nil || complainErr != nil {
			t.Fatal(readErr, complainErr)
		}
		if summary := transcript.Summary(); summary != nil && summary.SnapshotID == "" {
			t.Fatal("a snapshot without an id")
		}
		if names, count := transcript.Unreadable(); len(names) > unreadableKept || len(names) > count {
			t.Fatalf("%d names of %d", len(names), count)
		}
		if bytes.ContainsRune([]byte(transcript.Reason()), '\n') {
			t.Fatalf("%q", transcript.Reason())
		}
		transcript.Progress()
		transcript.SawQuotaExceeded()
	})
}
