package restore

import (
	"errors"
	"io"
	"os"
	"runtime"

	"coffre.invalid/agent/internal/files"
)

// isCageSystem says whether this system may have a cage. Without one, restic goes by names, which nobody else may change.
const isCageSystem = runtime.GOOS == "linux"

// openTarget makes the target where it is missing and holds it: from here on its name does not matter. A target that
// holds anything is refused: nothing is ever written over.
func openTarget(path string) (*os.File, error) {
	folder, err := files.Folder{Make: true, Trusted: !isCageSystem}.Open(path)
	if err != nil {
		return nil, explainTarget(err, path)
	}
	_, err = folder.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return folder, nil
	}
	if err == nil {
		err = targetNotEmpty(path)
	}
	return nil, errors.Join(err, folder.Close())
}

// requireFree refuses a target that is there already and holds anything, before anything is asked of the storage.
func requireFree(path string) error {
	folder, err := files.Folder{}.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explainTarget(err, path)
	}
	_, err = folder.Readdirnames(1)
	if closeErr := folder.Close(); errors.Is(err, io.EOF) {
		return closeErr
	}
	if err == nil {
		return targetNotEmpty(path)
	}
	return explainTarget(err, path)
}

// requireTrusted refuses a target that another user could replace by a link to elsewhere while restic goes by its name.
func requireTrusted(path string) error {
	folder, err := files.Folder{Trusted: true}.Open(path)
	if err != nil {
		return explainTarget(err, path)
	}
	return folder.Close()
}
