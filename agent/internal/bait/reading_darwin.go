package bait

import (
	"os"
	"syscall"
)

const quietly = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// wasRead is never known: the agent's own look counts as a reading there.
func wasRead(os.FileInfo) bool { return false }
