//go:build unix

package files

import (
	"io/fs"
	"os"
)

func makePrivate(path string, facts fs.FileInfo) error {
	if facts.Mode().Perm() == 0o700 {
		return nil
	}
	return os.Chmod(path, 0o700)
}
