package apply

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// removeTree deletes a directory. The program that runs cannot be deleted: Windows does that at its next start.
func removeTree(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	var left []string
	err := filepath.WalkDir(path, func(found string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && os.Remove(found) != nil {
			left = append(left, found)
		}
		return err
	})
	for _, found := range append(left, path) {
		name, nameErr := windows.UTF16PtrFromString(found)
		if nameErr == nil {
			nameErr = windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
		}
		err = errors.Join(err, nameErr)
	}
	return err
}
