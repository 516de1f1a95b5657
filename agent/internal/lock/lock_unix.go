//go:build unix

package lock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Acquire locks the file (made when missing) or the existing directory at path without waiting. It returns ErrHeld when
// somebody else has it, otherwise a function that releases it and leaves the file in place.
func Acquire(path string) (release func() error, err error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(ErrHeld, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file.Close, nil
}

func open(path string) (*os.File, error) {
	if facts, err := os.Stat(path); err == nil && facts.IsDir() {
		return os.Open(path)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
