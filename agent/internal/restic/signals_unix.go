//go:build unix

package restic

import (
	"os"
	"syscall"
)

// askToEnd lets restic clean up. An error means that it is gone already.
func askToEnd(process *os.Process) { _ = process.Signal(syscall.SIGTERM) }
