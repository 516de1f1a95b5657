package restic

import (
	"os/exec"
	"syscall"
)

// tieToParent has the kernel end restic when the agent is killed: a restic that nobody watches would go on for hours.
func tieToParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
