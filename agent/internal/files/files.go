// Package files writes files so that a kill or a power cut leaves either the old content or the new, never half.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// TemporaryName returns the name under which WriteAtomic prepares path. It is fixed, so that what a killed run left
// behind is overwritten by the next one and can be removed by name.
func TemporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".coffre-tmp")
}

// WriteAtomic replaces path by body with exactly this mode, and returns once it is on the disk. It may run twice; two
// writers of one path need a lock of their own.
func WriteAtomic(path string, body []byte, mode fs.FileMode) error {
	return ReplaceBy(path, mode, func(into io.Writer) error {
		_, err := into.Write(body)
		return err
	})
}

// ReplaceBy is WriteAtomic for content that fill writes. When fill fails, path stays what it was.
func ReplaceBy(path string, mode fs.FileMode, fill func(into io.Writer) error) error {
	temporary := TemporaryName(path)
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(temporary, mode, fill); err != nil {
		_, removeErr := RemoveIfPresent(temporary)
		return errors.Join(err, removeErr)
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// Rename gives a file that is on the disk another name in the same directory, in place of what has it, and returns once
// that is on the disk.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(to))
}

func writeSynced(path string, mode fs.FileMode, fill func(into io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = fill(file)
	if err == nil {
		// The umask took bits away when the file was made.
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// RemoveIfPresent deletes one file and says whether there was one.
func RemoveIfPresent(path string) (bool, error) {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Exists says whether anything, a dangling link included, has this name.
func Exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// EnsurePrivateDirectory makes path a directory that only its owner (on Windows: the system and its administrators) may
// enter. A link or a file of that name is refused.
func EnsurePrivateDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	facts, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !facts.IsDir() {
		return fmt.Errorf("%s is not a directory", path)
	}
	return makePrivate(path, facts)
}
