//go:build !linux

package cage

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// Main does nothing here: only Linux has cages.
func Main([]string) {}

// Start says that there is no cage here.
func Start(*exec.Cmd, Plan) error { return &UnavailableError{"cage", syscall.Errno(0)} }

func identity(fs.FileInfo) (device, inode uint64, err error) { return 0, 0, nil }
