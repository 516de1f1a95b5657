package enrol

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"

	"coffre.invalid/agent/internal/config"
)

// IsAdministrator says whether this process may install programs.
func IsAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// ensureProgramDirectory makes a folder below Program Files, which hands down that only administrators may change it.
func ensureProgramDirectory(path string) error { return os.MkdirAll(path, programMode) }

// isInstalled says whether this is a program: who may change it, the folder says.
func isInstalled(facts fs.FileInfo) bool { return facts.Mode().IsRegular() }

// makeRoom puts a program aside: Windows lets one that runs be renamed, and not be overwritten.
func makeRoom(path string) error {
	old := path + ".old"
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(path, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ensureRestoreCommand does nothing: deployments to Windows give the agent no other name.
func ensureRestoreCommand(config.Paths) error { return nil }
