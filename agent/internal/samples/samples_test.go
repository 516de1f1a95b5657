package samples

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"
)

func offer(reservoir *Reservoir, paths ...string) {
	for _, name := range paths {
		reservoir.Offer(func() (string, bool) { return name, true })
	}
}

func write(t *testing.T, folder, name string, body []byte) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheReservoirIsBoundedAndRepeatable(t *testing.T) {
	var paths []string
	for index := range 20000 {
		paths = append(paths, fmt.Sprintf("/d%d/f%d", index%7, index))
	}
	read := 0
	choose := func(runID string) []string {
		reservoir := NewReservoir(runID)
		for _, name := range paths {
			reservoir.Offer(func() (string, bool) { read++; return name, true })
		}
		return reservoir.Candidates()
	}
	first := choose("a")
	if len(first) != candidateLimit || read > 8*candidateLimit {
		t.Fatalf("%d kept, %d decoded", len(first), read)
	}
	if again := choose("a"); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Fatal("the same run id chose differently")
	}
	if other := choose("b"); fmt.Sprint(other) == fmt.Sprint(first) {
		t.Fatal("every run id chooses the same")
	}
	late := 0
	for _, name := range first {
		var directory, index int
		if _, err := fmt.Sscanf(name, "/d%d/f%d", &directory, &index); err != nil {
			t.Fatal(err)
		}
		if index >= 10000 {
			late++
		}
	}
	if late < candidateLimit/3 || late > candidateLimit*2/3 {
		t.Fatalf("%d of %d from the second half: not uniform", late, candidateLimit)
	}
}

func TestEachDirectoryGivesAFileBeforeAnyGivesTwo(t *testing.T) {
	reservoir := NewReservoir("run")
	for index := range 300 {
		offer(reservoir, fmt.Sprintf("/large/f%d", index))
	}
	offer(reservoir, "/a/1", "/b/1", "/c/1")
	seen := map[string]bool{}
	for _, name := range reservoir.Candidates()[:4] {
		seen[path.Dir(name)] = true
	}
	if len(seen) != 4 {
		t.Fatalf("%v", seen)
	}
}

func TestUnusableOffersLeaveNoHole(t *testing.T) {
	reservoir := NewReservoir("run")
	reservoir.Offer(func() (string, bool) { return "", false })
	offer(reservoir, "/a/1")
	if got := reservoir.Candidates(); len(got) != 1 || got[0] != "/a/1" {
		t.Fatalf("%q", got)
	}
}

func TestOnlyFilesUnchangedSinceBeforeTheRunAreHashed(t *testing.T) {
	folder := t.TempDir()
	good := write(t, folder, "good", []byte("content"))
	empty := write(t, folder, "empty", nil)
	link := filepath.Join(folder, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	touched, replaced := write(t, folder, "touched", []byte("old")), write(t, folder, "replaced", []byte("old"))
	time.Sleep(3 * clockGrain)
	started := time.Now()
	time.Sleep(2 * clockGrain)
	// Its old modification time is given back: only the change time tells.
	facts, _ := os.Stat(touched)
	write(t, folder, "touched", []byte("new"))
	if err := os.Chtimes(touched, facts.ModTime(), facts.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(write(t, folder, "fresh", []byte("new")), replaced); err != nil {
		t.Fatal(err)
	}
	candidates := []string{filepath.Join(folder, "gone"), empty, link, folder, touched, replaced, good}
	got := Hash(t.Context(), candidates, started)
	want := sha256.Sum256([]byte("content"))
	if len(got) != 1 || got[0].Path != good || got[0].SizeBytes != 7 || got[0].SHA256 != hex.EncodeToString(want[:]) {
		t.Fatalf("%+v", got)
	}
}

func TestSamplesAreBoundedInNumberAndBytes(t *testing.T) {
	folder := t.TempDir()
	var many []string
	for index := range 30 {
		many = append(many, write(t, folder, fmt.Sprint(index), []byte("x")))
	}
	large := write(t, folder, "large", bytes.Repeat([]byte("x"), bytesLimit-10))
	also := write(t, folder, "also", bytes.Repeat([]byte("x"), 1000))
	time.Sleep(3 * clockGrain)
	if got := Hash(t.Context(), many, time.Now()); len(got) != sampleLimit {
		t.Fatalf("%d samples", len(got))
	}
	got := Hash(t.Context(), append([]string{large, also}, many[:3]...), time.Now())
	if len(got) != 4 || got[1].Path == also {
		t.Fatalf("%d samples", len(got))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Hash(ended, many, time.Now()); len(got) != 0 {
		t.Fatal("hashed after the end")
	}
}

func TestNamesThatAreNoUTF8AreFoundByWhatResticShowsOfThem(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "d\xe9p\xf4t")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	latin := write(t, folder, "caf\xe9", []byte("one"))
	write(t, folder, "\xe8", []byte("two"))
	write(t, folder, "\xe9", []byte("three"))
	literal := write(t, folder, "x\ufffd", []byte("four"))
	shown := filepath.Join(filepath.Dir(folder), "d\ufffdp\ufffdt")
	time.Sleep(3 * clockGrain)
	got := Hash(t.Context(), []string{shown + "/caf\ufffd", shown + "/\ufffd", shown + "/x\ufffd", shown + "/gone\ufffd"}, time.Now())
	if len(got) != 2 || got[0].Path != shown+"/caf\ufffd" || got[0].SizeBytes != 3 || got[1].SizeBytes != 4 {
		t.Fatalf("%+v", got)
	}
	for place, want := range []string{latin, literal} {
		if exact, err := base64.StdEncoding.DecodeString(got[place].PathBase64); err != nil || string(exact) != want {
			t.Errorf("%q %v", exact, err)
		}
	}
}

func TestEveryPathOfThePlanGivesCandidates(t *testing.T) {
	choice := NewChoice("run", []string{"/large", "/small", "/none"})
	give := func(place, name string) { choice.Offer(place, func() (string, bool) { return name, true }) }
	for index := range 20000 {
		give("/large", fmt.Sprintf("/large/d%d/f", index))
	}
	give("/small", "/small/a")
	give("/elsewhere", "/elsewhere/a")
	got := choice.Candidates()
	if len(got) > candidateLimit || path.Dir(got[1]) != "/small" || path.Dir(got[2]) != "/elsewhere" {
		t.Fatalf("%d: %v", len(got), got[:3])
	}
	many := make([]string, 5000)
	for index := range many {
		many[index] = fmt.Sprintf("/p%d", index)
	}
	choice = NewChoice("run", many)
	for _, place := range many {
		for index := range 50 {
			give(place, fmt.Sprintf("%s/%d", place, index))
		}
	}
	if got := choice.Candidates(); len(got) > placesLimit*leastCandidates {
		t.Fatal(len(got))
	}
}
