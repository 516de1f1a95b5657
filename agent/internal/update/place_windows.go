package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"coffre.invalid/agent/internal/config"
)

// ensureProgramDirectory makes a folder below Program Files, which hands down that only administrators may change it.
func ensureProgramDirectory(path string) error { return os.MkdirAll(path, programMode) }

// isInstalled says whether this is a program: who may change it, the folder says.
func isInstalled(facts fs.FileInfo) bool { return facts.Mode().IsRegular() }

// asides is how many programs may be at work under names that they were given while they ran.
const asides = 10

// makeRoom puts a program aside: Windows lets one that runs be renamed, and neither be overwritten nor be removed.
func makeRoom(path string) (takeBack func() error, err error) {
	for number := range asides {
		aside := fmt.Sprintf("%s.old%d", path, number)
		if err = os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue // It runs.
		}
		err = os.Rename(path, aside)
		if errors.Is(err, fs.ErrNotExist) {
			return func() error { return nil }, nil
		}
		return func() error { return os.Rename(aside, path) }, err
	}
	return nil, err
}

// ensureRestoreCommand does nothing: deployments to Windows give the agent no other name.
func ensureRestoreCommand(config.Paths) error { return nil }
