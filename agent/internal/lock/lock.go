// Package lock keeps two runs of the agent apart. The kernel holds the lock, so it ends with its process, however that
// ends.
package lock

import "errors"

// ErrHeld means that another process holds the lock.
var ErrHeld = errors.New("the lock is held by another process")
