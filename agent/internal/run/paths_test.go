package run

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/testkit/installed"
)

// follows has the machine back up these paths.
func follows(machine *installed.Machine, generation int, exclude []string, accepted []any, paths ...string) {
	plan := map[string]any{"paths": paths, "exclude": exclude, "schedule": everyDay}
	if accepted != nil {
		plan["accepted"] = accepted
	}
	machine.Applied(generation, map[string]any{"plan": plan})
}

func states(got report.Report) string {
	var all []string
	for _, path := range got.Paths {
		all = append(all, filepath.Base(path.Path)+" "+string(path.State))
	}
	return strings.Join(all, ", ")
}

func fill(t *testing.T, folder string, files int) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for index := range files {
		if err := os.WriteFile(filepath.Join(folder, string(rune('a'+index))), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// One machine's life, with the real restic: each step is a fault that restic itself calls a success.
func TestAPathThatGivesNothingIsNamedUntilItIsAccepted(t *testing.T) {
	machine := withRestic(t)
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	fill(t, in("disk/home"), 20)
	fill(t, in("srv"), 20)
	if err := os.Symlink(in("disk/home"), in("home")); err != nil {
		t.Fatal(err)
	}
	follows(machine, 1, []string{}, nil, in("home"), in("srv"))
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	if states(got) != "home saved, srv saved" || got.Paths[0].Files != 20 || *got.Paths[0].Bytes != 140 ||
		got.Paths[0].StoredAs != in("disk/home") || got.FilesProcessed != 40 || got.PathsCount != 2 {
		t.Fatalf("%+v", got)
	}

	if err := os.RemoveAll(in("srv")); err != nil {
		t.Fatal(err)
	}
	fill(t, in("srv"), 1)
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "paths of the plan: "+in("srv")+" shrunk")
	if *got.Paths[0].FilesBefore != 20 || states(got) != "srv shrunk, home saved" {
		t.Fatalf("%+v", got.Paths)
	}
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "srv shrunk")
	word := []any{map[string]any{"path": in("srv"), "number": got.Number, "files": 1, "bytes": 7}}
	follows(machine, 2, []string{}, word, in("home"), in("srv"))
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")

	// The same word does not cover what goes later.
	if err := os.Remove(filepath.Join(in("srv"), "a")); err != nil {
		t.Fatal(err)
	}
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "srv empty")
	word = []any{map[string]any{"path": in("srv"), "number": got.Number, "files": 0, "bytes": 0}}
	follows(machine, 3, []string{}, word, in("home"), in("srv"))
	for range 2 {
		got, exit = backUp(t, machine)
		expect(t, got, exit, report.Success, 0, "")
		if states(got) != "home saved, srv accepted" {
			t.Fatal(states(got))
		}
	}
	fill(t, in("srv"), 3)
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")

	follows(machine, 4, []string{in("srv"), in("disk") + "/*/*"}, word, in("home"), in("srv"))
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "home excluded")
	if states(got) != "home excluded, srv excluded" {
		t.Fatal(states(got))
	}
}

func TestPacksThatVanishedFailTheRunUntilTheyAreBack(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(1, nil)
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	hidden := map[string][]byte{}
	for _, key := range machine.Server.Keys("restic/data/") {
		hidden[key] = machine.Server.Get(key)
		machine.Server.Delete(key)
	}
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Failed, 1, "packs that the index names")
	if got.Integrity != report.PacksMissing || got.MissingPacks != len(hidden) || got.SnapshotID == nil {
		t.Fatalf("%+v", got)
	}
	for key, body := range hidden {
		machine.Server.Put(key, body)
	}
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
}

func TestASnapshotThatTheStorageDoesNotGiveBackIsNotCalledASuccess(t *testing.T) {
	machine := withRestic(t)
	machine.Applied(1, nil)
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodGet && strings.HasPrefix(key, "restic/snapshots/") {
			return "SlowDown"
		}
		return ""
	})
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Partial, 3, "the new snapshot could not be read back")
	if got.Integrity != report.Unchecked || got.SnapshotID == nil || states(got) != "data saved" {
		t.Fatalf("%+v", got)
	}
	// A short outage is waited for.
	refused := 0
	machine.Server.FailWith(func(method, key string) string {
		if method == http.MethodGet && strings.HasPrefix(key, "restic/snapshots/") && refused < 1 {
			refused++
			return "SlowDown"
		}
		return ""
	})
	got, exit = backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
}

// A history that an agent of before wrote knows no paths: the next run is a first one.
func TestAHistoryOfBeforeIsGoneOnWith(t *testing.T) {
	machine := withProgram(t, saves)
	machine.Applied(1, nil)
	before := `{"tenant_id":"t1","machine":"ws1","number":41,"snapshot_id":"","snapshot_at":"2026-01-02T03:04:05Z"}`
	if err := os.MkdirAll(machine.Paths.State(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(machine.Paths.History(), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	got, exit := backUp(t, machine)
	expect(t, got, exit, report.Success, 0, "")
	body, err := os.ReadFile(machine.Paths.History())
	var kept report.History
	if err == nil {
		err = json.Unmarshal(body, &kept)
	}
	if err != nil || got.Number != 42 || kept.Paths[machine.Data].Number != 42 || kept.Paths[machine.Data].Files != 1 {
		t.Fatalf("%v %s", err, body)
	}
}
