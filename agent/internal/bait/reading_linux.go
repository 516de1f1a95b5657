package bait

import (
	"os"
	"syscall"
	"time"
)

// quietly: the agent's own look leaves no trace, and a pipe keeps nobody waiting.
const quietly = syscall.O_NOATIME | syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// wasRead says whether anything has read a bait since it was placed; restic and the agent leave no trace.
func wasRead(facts os.FileInfo) bool {
	status, known := facts.Sys().(*syscall.Stat_t)
	return known && time.Unix(status.Atim.Unix()).After(longAgo.Add(time.Minute))
}
