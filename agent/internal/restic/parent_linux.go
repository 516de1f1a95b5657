package restic

import (
	"os/exec"
	"syscall"
)

// TieToParent has the kernel end restic when the agent is killed: a restic that nobody watches would go on for hours.
func TieToParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
