//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"coffre.invalid/agent/internal/fault"
)

// checkPrivate refuses a file that anybody but the agent's own user, root, may read or change.
func checkPrivate(path string, facts fs.FileInfo) error {
	if mode := facts.Mode().Perm(); mode&0o077 != 0 {
		return fault.Refused(fmt.Sprintf("%s may be read by others (mode %04o)", path, mode), "chmod 0600 "+path)
	}
	owner, known := facts.Sys().(*syscall.Stat_t)
	if !known {
		return fault.Refused(fmt.Sprintf("cannot tell who owns %s", path), "")
	}
	return checkOwner(path, int(owner.Uid), os.Geteuid())
}

func checkOwner(path string, owner, self int) error {
	if owner == self {
		return nil
	}
	return fault.Refused(fmt.Sprintf("%s belongs to user %d, not to user %d who runs the agent", path, owner, self),
		"chown root: "+path+", and run the agent as root")
}
