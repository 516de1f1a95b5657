// Package lock keeps two runs of the agent apart. The kernel holds the lock, so it ends with its process, however that
// ends.
package lock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// ErrHeld means that another process holds the lock.
var ErrHeld = errors.New("the lock is held by another process")

// Acquire locks the file (made when missing) or the existing directory at path without waiting. It returns ErrHeld when
// another process has it, otherwise a function that releases it and leaves the file in place.
func Acquire(path string) (release func() error, err error) {
	lock := open(path)
	isHeld, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !isHeld {
		return nil, ErrHeld
	}
	return lock.Unlock, nil
}

func open(path string) *flock.Flock {
	flags := os.O_RDWR | os.O_CREATE
	if facts, err := os.Stat(path); err == nil && facts.IsDir() {
		if runtime.GOOS == "windows" {
			// Windows locks no directories.
			path = filepath.Join(path, ".lock")
		} else {
			flags = os.O_RDONLY
		}
	}
	return flock.New(path, flock.SetFlag(flags), flock.SetPermissions(0o600))
}
