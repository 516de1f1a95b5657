// Package bait keeps a few witness files among users' files: nobody has a reason to change them, and what encrypts a
// folder does not know that. Their content is known, and says in French what they are.
package bait

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/report"
)

// Name is the name of every bait file. Desktops hide it, and it is a document that any word processor opens.
const Name = ".coffre-temoin.rtf"

// content is plain RTF; nothing in it depends on the machine.
const content = `{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\f0\fs24
Ce fichier est un t\'e9moin du service de sauvegarde de SMIL\'c9O. Il ne contient aucune donn\'e9e.\par
Merci de ne pas le modifier : s'il change, le service consid\'e8re que vos fichiers sont attaqu\'e9s.\par
S'il est supprim\'e9, il est remis en place une fois, puis plus jamais.\par
}
`

// MinimumFiles is how many files a path of the plan must have given before baits are placed there: a few files need none.
const MinimumFiles = 50

const (
	perMachine = 24
	perPath    = 8
	// depth is how far below a path of the plan: /home, /home/alice, /home/alice/Documents.
	depth = 2
	// listed is how many names of one folder are looked at.
	listed = 2000
	// goneOften is how often a bait may go before it is given up: somebody does not want it.
	goneOften = 2
)

// longAgo is the time of every bait. A file system that notes the last reading at all does so when it is older than the
// last change, so that the first reading shows.
var longAgo = time.Date(2020, time.January, 1, 12, 0, 0, 0, time.UTC)

// bait is one file; Gone counts how often it went. Told is what a look has told of it, "" usually: that is mended then, and
// counts once. Whatever becomes of the bait meanwhile is another thing to tell.
type bait struct {
	Folder string `json:"folder"`
	Gone   int    `json:"gone,omitempty"`
	Told   string `json:"told,omitempty"`
}

type ledger struct {
	Baits []bait `json:"baits"`
}

// Keeper keeps the baits of this machine. Ledger is the file that lists them.
type Keeper struct {
	Ledger string
}

// Look says what became of the baits since the last run, nil when there are none. It changes nothing but the memory of
// what was told.
func (k Keeper) Look() (*report.Bait, error) {
	known, err := k.read()
	if err != nil || len(known.Baits) == 0 {
		return nil, err
	}
	said := report.Bait{}
	kept := ledger{}
	for _, each := range known.Baits {
		state, isRead := lookAt(each.Folder)
		if state == folderGone {
			continue
		}
		if state == intact {
			said.Intact++
		}
		if now := news(state, isRead); each.Told != now && each.Gone < goneOften {
			switch now {
			case isGone:
				said.Gone++
				each.Gone++
			case isChanged:
				said.Changed++
			case wasOpened:
				said.Read++
			}
			each.Told = now
		}
		kept.Baits = append(kept.Baits, each)
	}
	if said == (report.Bait{}) {
		return nil, k.write(kept)
	}
	return &said, k.write(kept)
}

// Tend puts baits into these folders of the plan and below, and again where a look told of a change: one that no look has
// seen stays, for the next report. It goes on where it cannot, and returns the reasons.
func (k Keeper) Tend(folders []string) error {
	known, err := k.read()
	if err != nil {
		return err
	}
	var problems []error
	for at, each := range known.Baits {
		state, isRead := lookAt(each.Folder)
		if each.Told == "" || each.Told != news(state, isRead) || each.Gone >= goneOften {
			continue
		}
		err := renew(each.Folder)
		problems = append(problems, err)
		if err == nil {
			known.Baits[at].Told = ""
		}
	}
	for _, folder := range folders {
		placed := 0
		for _, here := range candidates(folder) {
			if placed == perPath || len(known.Baits) == perMachine {
				break
			}
			if slices.ContainsFunc(known.Baits, func(each bait) bool { return each.Folder == here }) {
				placed++
				continue
			}
			if isPlaced, err := place(here); err == nil && isPlaced {
				known.Baits = append(known.Baits, bait{Folder: here})
				placed++
			}
		}
	}
	return errors.Join(append(problems, k.write(known))...)
}

// Remove takes every bait away that is as it was placed. One that somebody changed is left: it is theirs, or evidence.
func (k Keeper) Remove() error {
	known, err := k.read()
	if err != nil {
		return err
	}
	var problems []error
	for _, each := range known.Baits {
		problems = append(problems, withFolder(each.Folder, func(root *os.Root) error {
			if state, _ := judge(root); state != intact {
				return nil
			}
			return root.Remove(Name)
		}))
	}
	if err := errors.Join(problems...); err != nil {
		return err // The list stays, for the next try.
	}
	_, err = files.RemoveIfPresent(k.Ledger)
	return err
}

type state int

const (
	intact state = iota
	changed
	gone
	folderGone
)

// What is told of a bait that is not as it was placed.
const (
	isChanged = "changed"
	isGone    = "gone"
	wasOpened = "read"
)

// news is what there is to tell of a bait, "" when it is as it was placed.
func news(found state, isRead bool) string {
	switch {
	case found == changed:
		return isChanged
	case found == gone:
		return isGone
	case isRead:
		return wasOpened
	}
	return ""
}

func lookAt(folder string) (found state, isRead bool) {
	found = folderGone
	_ = withFolder(folder, func(root *os.Root) error { // A folder that cannot be opened has no bait to tell of.
		found, isRead = judge(root)
		return nil
	})
	return found, isRead
}

// judge looks at the bait of a folder. It never waits: a user may have put a pipe in its place.
func judge(root *os.Root) (found state, isRead bool) {
	facts, err := root.Lstat(Name)
	if errors.Is(err, fs.ErrNotExist) {
		if hasRenamed(root) {
			return changed, false
		}
		return gone, false
	}
	if err != nil {
		return intact, false // Nothing is known: no alarm.
	}
	if !facts.Mode().IsRegular() || facts.Size() != int64(len(content)) {
		return changed, false
	}
	file, err := root.OpenFile(Name, os.O_RDONLY|quietly, 0)
	if err != nil {
		return intact, false
	}
	defer func() { _ = file.Close() }() // It was only read.
	body, err := io.ReadAll(io.LimitReader(file, int64(len(content))+1))
	if err == nil && !bytes.Equal(body, []byte(content)) {
		return changed, false
	}
	return intact, wasRead(facts)
}

// hasRenamed says whether the folder has a file whose name is the bait's with something more.
func hasRenamed(root *os.Root) bool {
	for _, name := range names(root) {
		if strings.HasPrefix(name, Name) {
			return true
		}
	}
	return false
}

func names(root *os.Root) []string {
	folder, err := root.Open(".")
	if err != nil {
		return nil
	}
	defer func() { _ = folder.Close() }()   // It was only read.
	found, _ := folder.Readdirnames(listed) // What cannot be listed has no names to tell.
	slices.Sort(found)
	return found
}

// candidates are the folders below a path that may have a bait, the upper ones first.
func candidates(path string) []string {
	var found []string
	level := []string{filepath.Clean(path)}
	for range depth + 1 {
		var next []string
		for _, folder := range level {
			_ = withFolder(folder, func(root *os.Root) error { // One that cannot be opened has none.
				if isForUsers(root, folder) {
					found = append(found, folder)
				}
				for _, name := range names(root) {
					if facts, err := root.Lstat(name); err == nil && facts.IsDir() && !strings.HasPrefix(name, ".") {
						next = append(next, filepath.Join(folder, name))
					}
				}
				return nil
			})
			if len(found) >= perPath {
				return found
			}
		}
		level = next[:min(len(next), listed)]
	}
	return found
}

// withFolder opens a folder that no link leads to: a user could have put one in its place. Where there is none, nothing is
// done.
func withFolder(folder string, do func(root *os.Root) error) error {
	real, err := filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || real != folder {
		return err
	}
	before, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	opened, err := root.Stat(".")
	if err == nil && os.SameFile(before, opened) {
		err = do(root)
	}
	return errors.Join(err, root.Close())
}

func place(folder string) (isPlaced bool, err error) {
	err = withFolder(folder, func(root *os.Root) error {
		err := write(root)
		if errors.Is(err, fs.ErrExist) {
			// A run that was killed has left it, or it is somebody's own.
			if found, _ := judge(root); found == intact {
				err = nil
			}
		}
		isPlaced = err == nil
		return err
	})
	return isPlaced, err
}

// renew puts a bait that was changed, read or gone back as it was.
func renew(folder string) error {
	return withFolder(folder, func(root *os.Root) error {
		found, isRead := judge(root)
		if found == intact && !isRead {
			return nil
		}
		if found == changed || isRead {
			if err := root.Remove(Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return write(root)
	})
}

func write(root *os.Root) error {
	file, err := root.OpenFile(Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if err == nil {
		err = giveToFolder(root, file)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Chtimes(Name, longAgo, longAgo)
	}
	if err != nil {
		return errors.Join(err, root.Remove(Name))
	}
	return nil
}

func (k Keeper) read() (known ledger, err error) {
	body, err := os.ReadFile(k.Ledger)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger{}, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &known)
	}
	if err != nil {
		return ledger{}, fmt.Errorf("the list of bait files: %w", err)
	}
	return known, nil
}

func (k Keeper) write(known ledger) error {
	body, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return files.WriteAtomic(k.Ledger, append(body, '\n'), 0o600)
}
