package into

import (
	"errors"
	"os"
	"os/exec"
)

var errNotHere = errors.New("restores are sent to Linux machines only")

func claim(*os.File, string) (int, error) { return exitNotRun, errNotHere }

func release(*os.File) error { return errNotHere }

func tie(*exec.Cmd) func() { return func() {} }

func end(process *os.Process) error { return process.Kill() }
