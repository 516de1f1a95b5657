//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder says how a folder is opened part by part. No part may be a link.
type Folder struct {
	// Trusted: nobody but root and this user could put something else in the place of any part.
	Trusted bool
	// Make: parts that are missing are made, for this user alone.
	Make bool
}

const openFolder = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// Open opens a folder by its absolute path. What is opened stays the same folder whatever becomes of its name.
func (f Folder) Open(path string) (*os.File, error) {
	if !filepath.IsAbs(path) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	path = real(filepath.Clean(path))
	current, err := unix.Open("/", openFolder, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	here := "/"
	for _, name := range strings.Split(path, "/") {
		if name == "" {
			continue
		}
		here = filepath.Join(here, name)
		next, err := f.step(current, name, here)
		if err = errors.Join(err, unix.Close(current)); err != nil {
			return nil, err
		}
		current = next
	}
	return os.NewFile(uintptr(current), path), nil
}

func (f Folder) step(parent int, name, path string) (int, error) {
	made := false
	if f.Make {
		err := unix.Mkdirat(parent, name, 0o700)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, f.explain(parent, name, &fs.PathError{Op: "mkdir", Path: path, Err: err})
		}
		made = err == nil
	}
	next, err := unix.Openat(parent, name, openFolder, 0)
	if err != nil {
		return -1, f.explain(parent, name, &fs.PathError{Op: "open", Path: path, Err: err})
	}
	// Who made it a moment ago finds it his own; anything else was put there in between.
	if f.Trusted || made {
		if err := checkTrusted(next, path); err != nil {
			return -1, errors.Join(err, unix.Close(next))
		}
	}
	return next, nil
}

// explain says that a part is a link or no folder when that is why it cannot be opened.
func (f Folder) explain(parent int, name string, problem *fs.PathError) error {
	var facts unix.Stat_t
	if unix.Fstatat(parent, name, &facts, unix.AT_SYMLINK_NOFOLLOW) == nil {
		switch uint32(facts.Mode) & unix.S_IFMT {
		case unix.S_IFLNK:
			return &UnsafeError{problem.Path, IsLink}
		case unix.S_IFDIR:
		default:
			return &UnsafeError{problem.Path, NotFolder}
		}
	}
	return problem
}

// checkTrusted refuses what another user owns or may write. In a folder with the sticky bit everybody may make files, but
// only their owner may take one away.
func checkTrusted(descriptor int, path string) error {
	var facts unix.Stat_t
	if err := unix.Fstat(descriptor, &facts); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	mode := uint32(facts.Mode)
	isStickyFolder := mode&unix.S_IFMT == unix.S_IFDIR && mode&unix.S_ISVTX != 0
	switch {
	case facts.Uid != 0 && int(facts.Uid) != os.Geteuid():
		return &UnsafeError{path, Foreign}
	case mode&0o022 != 0 && !isStickyFolder:
		return &UnsafeError{path, Writable}
	}
	return nil
}

func openOwn(path string) (*os.File, error) {
	folder, err := Folder{Trusted: true}.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // It was only read.
	// A pipe would keep an opener waiting for a writer.
	descriptor, err := unix.Openat(int(folder.Fd()), filepath.Base(path),
		unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, &UnsafeError{path, IsLink}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := checkTrusted(descriptor, path); err != nil {
		return nil, errors.Join(err, unix.Close(descriptor))
	}
	return os.NewFile(uintptr(descriptor), path), nil
}
