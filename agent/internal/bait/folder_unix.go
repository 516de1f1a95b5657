//go:build unix

package bait

import (
	"errors"
	"os"
	"syscall"
)

// firstUser is the first number of people's accounts: programs of the system have lower ones, and get no baits.
const firstUser = 1000

// isForUsers says whether a folder is a user's, or a group's who share it. The folders of the system get no baits.
func isForUsers(root *os.Root, _ string) bool {
	facts, err := root.Stat(".")
	if err != nil {
		return false
	}
	status, known := facts.Sys().(*syscall.Stat_t)
	if !known || facts.Mode()&os.ModeSticky != 0 {
		return false
	}
	return status.Uid >= firstUser || facts.Mode().Perm()&0o020 != 0
}

// giveToFolder gives a bait to whom the folder belongs: what encrypts as that user can change it.
func giveToFolder(root *os.Root, file *os.File) error {
	facts, err := root.Stat(".")
	if err != nil {
		return err
	}
	status, known := facts.Sys().(*syscall.Stat_t)
	if !known {
		return errors.New("the kernel gives no facts about the folder")
	}
	if err := file.Chown(int(status.Uid), int(status.Gid)); err != nil {
		return err
	}
	return file.Chmod(0o644 | facts.Mode().Perm()&0o022)
}
