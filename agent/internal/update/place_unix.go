//go:build unix

package update

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
)

// ensureProgramDirectory makes a folder that everybody may read and only this user may change.
func ensureProgramDirectory(path string) error {
	if err := os.MkdirAll(path, programMode); err != nil {
		return err
	}
	facts, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !facts.IsDir() {
		return &files.UnsafeError{Path: path, Danger: files.NotFolder}
	}
	if owner, known := facts.Sys().(*syscall.Stat_t); !known || int(owner.Uid) != os.Geteuid() {
		return &files.UnsafeError{Path: path, Danger: files.Foreign}
	}
	// The umask took bits away when it was made.
	return os.Chmod(path, programMode)
}

// isInstalled says whether this is a program that everybody may run and only this user may change.
func isInstalled(facts fs.FileInfo) bool {
	owner, known := facts.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Geteuid() && facts.Mode() == programMode
}

// makeRoom does nothing: a program that runs can be replaced.
func makeRoom(string) (takeBack func() error, err error) { return func() error { return nil }, nil }

// ensureRestoreCommand gives the agent its other name where deployments do.
func ensureRestoreCommand(paths config.Paths) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	return ensureLink(paths.RestoreCommand(), config.Agent)
}

// ensureLink makes a link, or puts it right.
func ensureLink(path, target string) error {
	if found, err := os.Readlink(path); err == nil && found == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), programMode); err != nil {
		return err
	}
	temporary := files.TemporaryName(path)
	if _, err := files.RemoveIfPresent(temporary); err != nil {
		return err
	}
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
