//go:build linux || darwin

package samples

import (
	"errors"
	"os"
	"syscall"
)

// stamp is what the kernel says of a file; any change of content or metadata moves changed, which programs cannot set.
type stamp struct {
	inode, device     uint64
	size              int64
	modified, changed int64
}

// openRegular never follows a link and never waits for a pipe's other end.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	facts, err := file.Stat()
	if err == nil && !facts.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func readStamp(file *os.File) (stamp, error) {
	facts, err := file.Stat()
	if err != nil {
		return stamp{}, err
	}
	return stampOf(facts)
}

// stillNamed says whether path still names the file with this stamp: a file replaced by renaming keeps its own stamp.
func stillNamed(path string, want stamp) bool {
	facts, err := os.Lstat(path)
	if err != nil {
		return false
	}
	found, err := stampOf(facts)
	return err == nil && found == want
}

func stampOf(facts os.FileInfo) (stamp, error) {
	raw, known := facts.Sys().(*syscall.Stat_t)
	if !known {
		return stamp{}, errors.New("the kernel gives no facts about the file")
	}
	return stamp{
		inode: raw.Ino, device: uint64(raw.Dev), size: facts.Size(),
		modified: facts.ModTime().UnixNano(), changed: changeTime(raw),
	}, nil
}
