//go:build !windows

package restore

import (
	"os"
	"syscall"
)

// endGently asks a process to end by itself.
func endGently(process *os.Process) error { return process.Signal(syscall.SIGTERM) }
