package samples

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"coffre.invalid/agent/internal/bait"
	"coffre.invalid/agent/internal/listing"
	"coffre.invalid/agent/internal/report"
)

// What a run may spend on samples.
const (
	sampleLimit = 20
	bytesLimit  = 64 << 20
)

// clockGrain is how far a file's change time may lag behind the clock that the agent reads: kernels stamp files with a
// coarse clock of one tick.
const clockGrain = 20 * time.Millisecond

// Hash returns the SHA-256 of up to 20 non-empty regular files among candidates, 64 MiB in all, that have not changed
// since before resticStarted: their change time is older than that, and the same before and after they were read.
// A file that vanished, changed, grew or cannot be read is left out. It stops early, with what it has, when ctx ends.
func Hash(ctx context.Context, candidates []string, resticStarted time.Time) []report.Sample {
	chosen := []report.Sample{}
	room := int64(bytesLimit)
	for _, path := range candidates {
		if len(chosen) == sampleLimit || ctx.Err() != nil {
			break
		}
		path, known := exactPath(path)
		// The agent's own reading of a bait file would look like somebody's.
		if !known || filepath.Base(path) == bait.Name {
			continue
		}
		facts, err := os.Lstat(path)
		if err != nil || !facts.Mode().IsRegular() || facts.Size() == 0 || facts.Size() > room {
			continue
		}
		sample, unchanged := hashUnchanged(ctx, path, resticStarted)
		if !unchanged {
			continue
		}
		room -= sample.SizeBytes
		chosen = append(chosen, sample)
	}
	return chosen
}

func hashUnchanged(ctx context.Context, path string, resticStarted time.Time) (report.Sample, bool) {
	file, err := openRegular(path)
	if err != nil {
		return report.Sample{}, false
	}
	defer func() { _ = file.Close() }() // Nothing was written.
	before, err := readStamp(file)
	if err != nil || before.changed >= resticStarted.Add(-clockGrain).UnixNano() {
		return report.Sample{}, false
	}
	digest := sha256.New()
	// The limit keeps a file that grows while it is read from being read for ever.
	read, err := io.Copy(digest, io.LimitReader(contextReader{ctx, file}, before.size+1))
	if err != nil || read != before.size {
		return report.Sample{}, false
	}
	after, err := readStamp(file)
	if err != nil || after != before || !stillNamed(path, after) {
		return report.Sample{}, false
	}
	sample := report.Sample{Path: listing.Blur(path), SizeBytes: read, SHA256: hex.EncodeToString(digest.Sum(nil))}
	if !utf8.ValidString(path) {
		sample.PathBase64 = base64.StdEncoding.EncodeToString([]byte(path))
	}
	return sample, true
}

// contextReader ends a long read when the run is told to stop.
type contextReader struct {
	ctx  context.Context
	file *os.File
}

func (r contextReader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(buffer)
}
