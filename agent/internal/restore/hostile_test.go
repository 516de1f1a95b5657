package restore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/testkit/forge"
	"coffre.invalid/agent/internal/testkit/installed"
)

// forger opens the machine's repository as whoever has taken the machine over.
func forger(t *testing.T, machine *installed.Machine) *forge.Repository {
	t.Helper()
	return forge.Open(t, func(arguments ...string) *exec.Cmd { return resticOf(machine, arguments...) },
		func(key string, body []byte) { machine.Server.Put(key, body) })
}

// outside is a folder that no restore has any business in, on the very disk that is restored to.
func outside(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outside")
	write(t, filepath.Join(path, "precious"), "mine")
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func portrait(t *testing.T, root string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		facts, err := entry.Info()
		if err != nil {
			return err
		}
		body := ""
		if facts.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			body = string(content)
		}
		lines = append(lines, fmt.Sprintf("%s %v %v %s", path, facts.Mode(), facts.ModTime(), body))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// escapes are trees that restic 0.18 restores outside of its target, each by names that stand twice.
func escapes(r *forge.Repository, outside string) map[string]string {
	payload := r.Data("* * * * * root id >/pwned\n")
	hard := forge.Node{"inode": 4242, "device_id": 7, "links": 2, "size": 26, "content": []string{payload}}
	link := func(name, to string) forge.Node {
		return forge.Entry(name, "symlink", 0o777|fs.ModeSymlink, forge.Node{"linktarget": to})
	}
	inner := r.Tree(
		forge.Entry("planted", "file", 0o755|fs.ModeSetuid, hard), link("link", "/etc/hostname"),
		forge.Entry("null", "chardev", 0o666|fs.ModeDevice|fs.ModeCharDevice, forge.Node{"device": 1<<8 | 3}),
		link("precious", "nothing"),
	)
	folder := forge.Entry("escape", "dir", 0o777|fs.ModeDir, forge.Node{"subtree": inner})
	source := forge.Entry("a-source", "file", 0o644, hard)
	file := forge.Entry("escape", "file", 0o644, forge.Node{"size": 26, "content": []string{payload}})
	pipe := r.Tree(forge.Entry("precious", "socket", 0o644|fs.ModeSocket, nil))
	return map[string]string{
		"file, link, folder": r.Tree(source, file, link("escape", outside), folder),
		"link, folder":       r.Tree(source, link("escape", outside), folder),
		"folder, link":       r.Tree(source, folder, link("escape", outside)),
		"upwards":            r.Tree(source, link("escape", strings.Repeat("../", 12)+outside[1:]), folder),
		"a socket's folder":  r.Tree(forge.Entry("escape", "dir", 0o755|fs.ModeDir, forge.Node{"subtree": pipe}), link("escape", outside)),
		"below": r.Tree(forge.Entry("home", "dir", 0o755|fs.ModeDir, forge.Node{
			"subtree": r.Tree(source, link("escape", outside), folder),
		})),
		"not sorted": r.Tree(folder, source, link("escape", outside)),
	}
}

func TestAForgedSnapshotIsRefusedByNameAndNothingIsMade(t *testing.T) {
	machine, place := backedUp(t), outside(t)
	repository := forger(t, machine)
	before := portrait(t, place)
	trees := escapes(repository, place)
	trees["a slash"] = repository.Tree(forge.Entry("a/b", "dir", 0o755|fs.ModeDir, forge.Node{"subtree": repository.Tree()}))
	trees["upwards by name"] = repository.Tree(forge.Entry("..", "dir", 0o755|fs.ModeDir, forge.Node{"subtree": repository.Tree()}))
	trees["no name"] = repository.Tree(forge.Entry("", "file", 0o644, nil))
	trees["ends early"] = repository.Tree(forge.Entry(`a\x00b`, "file", 0o644, nil))
	refused := func(name, id string, arguments ...string) {
		exit, said, complained := call(t, machine, arguments...)
		if exit != fault.ExitRefused || said != "" || !strings.Contains(complained, "la sauvegarde "+id[:8]) ||
			!strings.Contains(complained, "falsifiée") {
			t.Errorf("%s: %d %s %s", name, exit, said, complained)
		}
	}
	for name, tree := range trees {
		id := repository.Snapshot(tree, time.Now().UTC().Format(time.RFC3339))
		target := filepath.Join(t.TempDir(), "retour")
		refused(name, id, "restaurer", id, "--vers", target)
		if name == "below" {
			refused(name, id, "restaurer", id, "--vers", target, "--chemin", "/a-source")
			refused(name, id, "contenu", id)
		}
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := portrait(t, place); after != before {
		t.Fatalf("%s\nis now\n%s", before, after)
	}
	// The others stay what they were.
	if exit, said, _ := call(t, machine, "liste"); exit != 0 || !strings.Contains(said, machine.Data) {
		t.Fatal(said)
	}
}

func TestTheCageHoldsByItself(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("only root can build a cage")
	}
	isChecked = false
	t.Cleanup(func() { isChecked = true })
	machine, place := backedUp(t), outside(t)
	repository := forger(t, machine)
	before := portrait(t, place)
	for name, tree := range escapes(repository, place) {
		id := repository.Snapshot(tree, time.Now().UTC().Format(time.RFC3339))
		target := filepath.Join(t.TempDir(), "retour")
		_, said, complained := call(t, machine, "restaurer", id, "--vers", target)
		if strings.Contains(complained, noCage) || strings.Contains(complained, "�") {
			t.Fatalf("%s: %s %s", name, said, complained)
		}
		if _, err := os.Lstat(filepath.Join(target, "a-source")); err != nil && !strings.Contains(name, "socket") && name != "below" {
			t.Errorf("%s: nothing was restored: %s %s", name, said, complained)
		}
		if after := portrait(t, place); after != before {
			t.Fatalf("%s: %s\nis now\n%s", name, before, after)
		}
	}
}

// Without check and cage these trees do what they are made for: a test of the attack itself.
func TestTheForgedTreesEscapeFromResticAlone(t *testing.T) {
	machine, place := backedUp(t), outside(t)
	repository := forger(t, machine)
	before := portrait(t, place)
	id := repository.Snapshot(escapes(repository, place)["file, link, folder"], "2026-01-01T00:00:00Z")
	output, err := resticOf(machine, "restore", id, "--target", t.TempDir()).CombinedOutput()
	if after := portrait(t, place); after == before {
		t.Fatalf("restic refuses that by itself now: %s %v", output, err)
	}
}

func TestHonestNamesThatAreShownAlikeAreRestored(t *testing.T) {
	machine := backedUp(t)
	names := []string{"caf\xe9", "caf\xe8", "caf\xe9\n\xff", "caf\xe9\n\xfe", "d\xe9/x", "d\xe8/x", "d\xe8/\xff/y", "d\xe8/\xfe/y", "caf\ufffd"}
	for _, name := range names {
		write(t, filepath.Join(machine.Data, name), name)
	}
	if output, err := resticOf(machine, "backup", machine.Data).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", output, err)
	}
	target := t.TempDir()
	if exit, said, complained := call(t, machine, "restaurer", "derniere", "--vers", target); exit != 0 {
		t.Fatalf("%s %s", said, complained)
	}
	for _, name := range names {
		if body, err := os.ReadFile(filepath.Join(target, machine.Data, name)); err != nil || string(body) != name {
			t.Errorf("%q: %q %v", name, body, err)
		}
	}
	if exit, said, complained := call(t, machine, "contenu", "derniere", machine.Data); exit != 0 || !strings.Contains(said, "caf�") {
		t.Fatalf("%s %s", said, complained)
	}
	// Two that are the same to the byte are not let through with them.
	repository := forger(t, machine)
	quoted := `caf\x` + hex.EncodeToString([]byte{0xe9})
	id := repository.Snapshot(repository.Tree(
		forge.Entry(quoted, "symlink", 0o777|fs.ModeSymlink, forge.Node{"linktarget": "/"}),
		forge.Entry(quoted, "dir", 0o755|fs.ModeDir, forge.Node{"subtree": repository.Tree()}),
	), "2026-01-01T00:00:00Z")
	exit, said, complained := call(t, machine, "restaurer", id, "--vers", filepath.Join(t.TempDir(), "x"))
	if exit != fault.ExitRefused || !strings.Contains(complained, "deux fois") {
		t.Fatalf("%d %s %s", exit, said, complained)
	}
}

func TestASnapshotOfNoPossibleTimeHidesNoOther(t *testing.T) {
	machine := backedUp(t)
	repository := forger(t, machine)
	for _, at := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00Z"} {
		repository.Snapshot(repository.Tree(), at)
	}
	exit, said, complained := call(t, machine, "liste")
	if exit != 0 || strings.Count(said, machine.Data) != 1 || !strings.Contains(said, "3 sauvegarde(s) de plus") {
		t.Fatalf("%d %s %s", exit, said, complained)
	}
	if exit, said, complained := call(t, machine, "contenu", "derniere", machine.Data); exit != 0 || !strings.Contains(said, "été") {
		t.Fatalf("%d %s %s", exit, said, complained)
	}
}

func TestATargetIsHeldAndReachedByNoLink(t *testing.T) {
	machine, place := backedUp(t), outside(t)
	base := t.TempDir()
	if err := errors.Join(os.Symlink(place, filepath.Join(base, "link")), os.Symlink(base, filepath.Join(base, "here"))); err != nil {
		t.Fatal(err)
	}
	before := portrait(t, place)
	for _, target := range []string{filepath.Join(base, "link"), filepath.Join(base, "link/new"), filepath.Join(base, "here/new")} {
		exit, _, complained := call(t, machine, "restaurer", "derniere", "--vers", target)
		if exit != fault.ExitRefused || !strings.Contains(complained, "est un lien") || !strings.Contains(complained, "Donnez") {
			t.Errorf("%s: %d %s", target, exit, complained)
		}
	}
	// The folder is swapped for a link after it was opened, before anything is written.
	target := filepath.Join(base, "retour")
	folder, err := openTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if err := errors.Join(os.Rename(target, target+"2"), os.Symlink(place, target)); err != nil {
		t.Fatal(err)
	}
	settings := Settings{Paths: machine.Paths, Environment: os.Environ()}
	repository, err := open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := repository.find(t.Context(), "derniere", Settings{Log: io.Discard, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, err = repository.restore(t.Context(), snapshot, folder, "", &log)
	if exit, _ := fault.Describe(err); exit != fault.ExitRefused || !strings.Contains(err.Error(), "remplacé") {
		t.Fatalf("%v %s", err, log.String())
	}
	if after := portrait(t, place); after != before {
		t.Fatalf("%s\nis now\n%s", before, after)
	}
}

func TestAnotherResticThanTheOrderedOneIsGivenNoSecret(t *testing.T) {
	machine := backedUp(t)
	marker := filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(machine.Paths.Restic(), []byte("#!/bin/sh\nenv >"+marker+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"liste"}, {"restaurer", "derniere", "--vers", filepath.Join(t.TempDir(), "x")}} {
		exit, _, complained := call(t, machine, arguments...)
		if exit != fault.ExitRefused || !strings.Contains(complained, "n'est pas celui qui doit y être") {
			t.Errorf("%d %s", exit, complained)
		}
	}
	if _, err := os.Stat(marker); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("it ran")
	}
}
