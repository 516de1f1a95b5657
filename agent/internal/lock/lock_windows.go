package lock

import "errors"

// Acquire is not written for Windows yet.
func Acquire(string) (release func() error, err error) {
	return nil, errors.New("the run lock is not supported on windows yet")
}
