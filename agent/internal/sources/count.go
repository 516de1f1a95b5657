package sources

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"coffre.invalid/agent/internal/restic"
)

// Count is what one folder or file gave to a snapshot. Bytes is nil when a file system did not say.
type Count struct {
	Files uint64
	Bytes *uint64
}

// Counter counts restic's own words on each item it saved, by the folders that are asked about. Files are those of the
// snapshot; their bytes are what the machine says right after restic has read or compared them, since restic tells no
// size of a file that did not change.
type Counter struct {
	places  []place
	windows bool
	sizes   chan sized
	done    chan struct{}
	ctx     context.Context
}

type place struct {
	path string
	// itself is the path as restic's JSON has it, inside begins everything in it.
	itself, inside []byte
	files, bytes   uint64
}

type sized struct {
	path   string
	places []int
}

// sizesWaiting is how many files may wait for their size to be asked.
const sizesWaiting = 4096

// NewCounter counts below these paths, which are this system's own. A file system that does not answer keeps nobody
// waiting longer than ctx.
func NewCounter(ctx context.Context, paths []string, system string) *Counter {
	counter := &Counter{
		windows: system == "windows", sizes: make(chan sized, sizesWaiting), done: make(chan struct{}), ctx: ctx,
	}
	for _, path := range paths {
		stored := StoredAs(path, system)
		itself := inJSON(stored)
		inside := append(bytes.TrimSuffix(itself, []byte("/")), '/')
		counter.places = append(counter.places, place{path: path, itself: itself, inside: inside})
	}
	go counter.measure()
	return counter
}

// StoredAs is how a snapshot names a path of this system.
func StoredAs(path, system string) string {
	if system != "windows" {
		return path
	}
	drive, rest, found := strings.Cut(path, ":")
	if !found || len(drive) != 1 {
		return strings.ReplaceAll(path, `\`, "/")
	}
	return "/" + drive + strings.ReplaceAll(rest, `\`, "/")
}

// inJSON is a path as restic writes it: what stands in quotes, escaped letter by letter, so that prefixes stay prefixes.
func inJSON(path string) []byte {
	encoded, _ := json.Marshal(path) // Never an error for a string.
	return encoded[1 : len(encoded)-1]
}

// Add takes a file that restic saved, in JSON's own letters without the quotes, and returns the most specific of the paths
// that it is in, "" when it is in none. It is called by one goroutine.
func (c *Counter) Add(raw []byte) string {
	var of []int
	best := -1
	for index := range c.places {
		place := &c.places[index]
		if !bytes.HasPrefix(raw, place.inside) && !bytes.Equal(raw, place.itself) {
			continue
		}
		place.files++
		of = append(of, index)
		if best < 0 || len(place.inside) > len(c.places[best].inside) {
			best = index
		}
	}
	if len(of) == 0 {
		return ""
	}
	if path, known := restic.DecodeItem(raw); known {
		select {
		case c.sizes <- sized{c.local(path), of}:
		case <-c.ctx.Done():
		}
	}
	return c.places[best].path
}

// measure asks for sizes beside restic's own work. A name that JSON does not carry has none.
func (c *Counter) measure() {
	defer close(c.done)
	for file := range c.sizes {
		facts, err := os.Lstat(file.path)
		if err != nil || !facts.Mode().IsRegular() {
			continue
		}
		for _, index := range file.places {
			c.places[index].bytes += uint64(facts.Size())
		}
	}
}

// patience is how long sizes that wait may take once restic is done.
const patience = time.Minute

// Close ends the counting and returns what each path gave. Bytes are left out when a file system did not answer.
func (c *Counter) Close() map[string]Count {
	close(c.sizes)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	isComplete := false
	select {
	case <-c.done:
		isComplete = true
	case <-c.ctx.Done():
	case <-timer.C:
	}
	counts := make(map[string]Count, len(c.places))
	for index := range c.places {
		place := &c.places[index]
		count := Count{Files: place.files}
		if isComplete {
			count.Bytes = &place.bytes
		}
		counts[place.path] = count
	}
	return counts
}

func (c *Counter) local(stored string) string {
	if !c.windows || len(stored) < 2 || stored[0] != '/' {
		return stored
	}
	return stored[1:2] + ":" + strings.ReplaceAll(stored[2:], "/", `\`)
}
