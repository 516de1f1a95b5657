package bait

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"coffre.invalid/agent/internal/report"
)

const alice = 1234

// home is a path of a plan with a user's folder, which has a folder of documents; the path itself is root's.
func home(t *testing.T) (Keeper, string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests make files of other users: run them as root")
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(top, "home")
	for _, folder := range []string{path, filepath.Join(path, "alice"), filepath.Join(path, "alice", "Documents")} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if folder != path {
			if err := os.Chown(folder, alice, alice); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Keeper{Ledger: filepath.Join(top, "baits.json")}, path
}

func tend(t *testing.T, keeper Keeper, path string) {
	t.Helper()
	if err := keeper.Tend([]string{path}); err != nil {
		t.Fatal(err)
	}
}

func look(t *testing.T, keeper Keeper) report.Bait {
	t.Helper()
	found, err := keeper.Look()
	if err != nil {
		t.Fatal(err)
	}
	if found == nil {
		return report.Bait{}
	}
	return *found
}

func expect(t *testing.T, keeper Keeper, want report.Bait) {
	t.Helper()
	if found := look(t, keeper); found != want {
		t.Fatalf("%+v, want %+v", found, want)
	}
}

func TestBaitsLieAmongUsersFilesAndBelongToThem(t *testing.T) {
	keeper, path := home(t)
	expect(t, keeper, report.Bait{})
	tend(t, keeper, path)
	if _, err := os.Lstat(filepath.Join(path, Name)); err == nil {
		t.Fatal("a folder of root got a bait: nobody who encrypts as a user could change it")
	}
	for _, folder := range []string{"alice", "alice/Documents"} {
		facts, err := os.Lstat(filepath.Join(path, folder, Name))
		if err != nil {
			t.Fatal(err)
		}
		if status := facts.Sys().(*syscall.Stat_t); status.Uid != alice || facts.Mode().Perm() != 0o644 {
			t.Fatalf("%s %d %v", folder, status.Uid, facts.Mode())
		}
	}
	expect(t, keeper, report.Bait{Intact: 2})
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: 2})
}

func TestAChangedOrRenamedBaitIsToldOnceAndIsThenAsBefore(t *testing.T) {
	keeper, path := home(t)
	tend(t, keeper, path)
	first, second := filepath.Join(path, "alice", Name), filepath.Join(path, "alice", "Documents", Name)
	if err := os.WriteFile(first, []byte("encrypted"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(second, second+".locked"); err != nil {
		t.Fatal(err)
	}
	expect(t, keeper, report.Bait{Changed: 2})
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: 2})
	body := []byte(content)
	body[len(body)/2]++
	if err := os.WriteFile(first, body, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, keeper, report.Bait{Intact: 1, Changed: 1})
}

func TestABaitThatSomebodyDeletesTwiceIsGivenUpAndOneOfAFolderThatWentIsForgotten(t *testing.T) {
	keeper, path := home(t)
	tend(t, keeper, path)
	if err := os.RemoveAll(filepath.Join(path, "alice", "Documents")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := os.Remove(filepath.Join(path, "alice", Name)); err != nil {
			t.Fatal(err)
		}
		expect(t, keeper, report.Bait{Gone: 1})
		tend(t, keeper, path)
		if _, err := os.Lstat(filepath.Join(path, "alice", Name)); err != nil {
			expect(t, keeper, report.Bait{})
			return
		}
	}
	t.Fatal("it was placed a third time")
}

func TestWhatReadsABaitIsSeenAndTheAgentItselfIsNot(t *testing.T) {
	keeper, path := home(t)
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: 2})
	expect(t, keeper, report.Bait{Intact: 2})
	if _, err := os.ReadFile(filepath.Join(path, "alice", Name)); err != nil {
		t.Fatal(err)
	}
	facts, err := os.Lstat(filepath.Join(path, "alice", Name))
	if err != nil {
		t.Fatal(err)
	}
	read := report.Bait{Intact: 2, Read: 1}
	if !wasRead(facts) {
		read.Read = 0 // This file system notes no reading (noatime).
	}
	expect(t, keeper, read)
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: 2})
}

// A user may put anything in the place of folder or bait: nothing is written elsewhere, and nothing waits.
func TestAUserLeadsTheAgentNowhere(t *testing.T) {
	keeper, path := home(t)
	tend(t, keeper, path)
	outside := filepath.Join(filepath.Dir(path), "outside")
	documents := filepath.Join(path, "alice", "Documents")
	for _, do := range []func() error{
		func() error { return os.Mkdir(outside, 0o777) },
		func() error { return os.Chmod(outside, 0o777) },
		func() error { return os.RemoveAll(documents) },
		func() error { return os.Symlink(outside, documents) },
		func() error { return os.Remove(filepath.Join(path, "alice", Name)) },
		func() error { return syscall.Mkfifo(filepath.Join(path, "alice", Name), 0o666) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, keeper, report.Bait{Changed: 1})
	tend(t, keeper, path)
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Fatalf("%v %v", entries, err)
	}
	expect(t, keeper, report.Bait{Intact: 1})
}

func TestRemovalTakesAwayWhatIsAsItWasPlacedAndNothingElse(t *testing.T) {
	keeper, path := home(t)
	if err := errors.Join(os.Mkdir(filepath.Join(path, "bob"), 0o777), os.Chmod(filepath.Join(path, "bob"), 0o777)); err != nil {
		t.Fatal(err)
	}
	tend(t, keeper, path)
	own := filepath.Join(path, "alice", "Documents", Name)
	if err := os.WriteFile(own, []byte("notes of my own"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(path, "bob"), filepath.Join(path, "gone")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := keeper.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(path, "alice", Name)); err == nil {
		t.Fatal("a bait stays")
	}
	if body, err := os.ReadFile(own); err != nil || string(body) != "notes of my own" {
		t.Fatalf("%s %v", body, err)
	}
	if _, err := os.Lstat(keeper.Ledger); err == nil {
		t.Fatal("the list stays")
	}
}

func TestManyFoldersGetFewBaits(t *testing.T) {
	keeper, path := home(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", ".hidden"} {
		folder := filepath.Join(path, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(folder, alice, alice); err != nil {
			t.Fatal(err)
		}
	}
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: perPath})
	if _, err := os.Lstat(filepath.Join(path, ".hidden", Name)); err == nil {
		t.Fatal("a hidden folder got a bait")
	}
}

// What was told is mended; what became of the bait since then is told first.
func TestAChangeAfterAReadingIsToldAsWell(t *testing.T) {
	keeper, path := home(t)
	tend(t, keeper, path)
	bait := filepath.Join(path, "alice", Name)
	if _, err := os.ReadFile(bait); err != nil {
		t.Fatal(err)
	}
	_ = look(t, keeper) // Told as read, where the file system notes that.
	if err := os.WriteFile(bait, []byte("encrypted"), 0o644); err != nil {
		t.Fatal(err)
	}
	tend(t, keeper, path)
	expect(t, keeper, report.Bait{Intact: 1, Changed: 1})
}
