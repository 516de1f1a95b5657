//go:build unix

package files

import (
	"io/fs"
	"os"
	"syscall"
)

func makePrivate(path string, facts fs.FileInfo) error {
	if owner, known := facts.Sys().(*syscall.Stat_t); !known || owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return &UnsafeError{path, Foreign}
	}
	if facts.Mode().Perm() == 0o700 {
		return nil
	}
	return os.Chmod(path, 0o700)
}
