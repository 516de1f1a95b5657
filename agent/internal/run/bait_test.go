package run

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"coffre.invalid/agent/internal/bait"
	"coffre.invalid/agent/internal/report"
)

// A machine of a user with a hundred letters; what encrypts them in place shows in the next report, and so do the baits.
func TestAReportSaysWhatChangedAndWhatBecameOfTheBaits(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(1, nil)
	folder := filepath.Join(machine.Data, "alice")
	write := func(body func(index int) []byte) {
		t.Helper()
		for index := range 100 {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("letter-%d", index)), body(index), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	write(func(index int) []byte { return []byte(fmt.Sprintf("letter %d%4096d", index, index)) })
	// As a scheduler starts it: the baits first, then the backup.
	backUp := func() (report.Report, int) {
		t.Helper()
		if err := TendBaits(machine.Paths); err != nil {
			t.Fatal(err)
		}
		return backUp(t, machine)
	}
	got, exit := backUp()
	expect(t, got, exit, report.Success, 0, "")
	if got.Changes != nil || got.Bait != nil || got.BytesNew < 100*4096 || got.BytesAdded > got.BytesNew/2 {
		t.Fatalf("a first backup has nothing to compare with: %+v %+v %d %d", got.Changes, got.Bait, got.BytesNew, got.BytesAdded)
	}
	large := make([]byte, 20<<20)
	_, _ = rand.Read(large) // Never returns an error, says crypto/rand.
	if err := errors.Join(os.Remove(filepath.Join(machine.Data, "a")), os.WriteFile(filepath.Join(machine.Data, "film"), large, 0o600)); err != nil {
		t.Fatal(err)
	}
	got, exit = backUp()
	expect(t, got, exit, report.Success, 0, "")
	if *got.Changes.FilesRemoved != 1 || got.Changes.FilesChanged != 0 || got.Changes.FilesNew != 2 || got.Changes.BytesLarge != 20<<20 || got.Bait.Intact != 1 {
		t.Fatalf("%+v %+v", got.Changes, got.Bait)
	}
	write(func(int) []byte {
		body := make([]byte, 4096)
		_, _ = rand.Read(body) // Never returns an error, says crypto/rand.
		return body
	})
	if err := os.WriteFile(filepath.Join(folder, bait.Name), []byte("encrypted"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, exit = backUp()
	expect(t, got, exit, report.Success, 0, "")
	if got.Changes.FilesChanged != 101 || got.Changes.FilesIncompressible != 100 || got.Changes.BytesLarge != 0 || *got.Changes.FilesRemoved != 0 || *got.Bait != (report.Bait{Changed: 1}) ||
		got.BytesAdded < 100*4096 {
		t.Fatalf("%+v %+v %d", got.Changes, got.Bait, got.BytesAdded)
	}
	got, _ = backUp()
	if *got.Bait != (report.Bait{Intact: 1}) {
		t.Fatalf("it was told once, and is as before: %+v", got.Bait)
	}
	machine.Applied(2, map[string]any{"plan": map[string]any{
		"paths": []string{machine.Data}, "exclude": []string{}, "no_bait": true,
		"schedule": []any{map[string]any{"days": []string{"Mon"}, "at": "12:30"}},
	}})
	got, _ = backUp()
	if _, err := os.Lstat(filepath.Join(folder, bait.Name)); got.Bait != nil || err == nil {
		t.Fatalf("a plan without baits has some: %+v %v", got.Bait, err)
	}
}
