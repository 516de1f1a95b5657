//go:build !linux

package units

import (
	"runtime"

	"coffre.invalid/agent/internal/fault"
)

// NewScheduler is not written for this system yet.
func NewScheduler(string) (Scheduler, error) {
	return nil, fault.Failed("registering backups is not supported on "+runtime.GOOS+" yet", "")
}
