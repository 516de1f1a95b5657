//go:build unix

package into

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// marker is in the folder for as long as its restore is unfinished.
const marker = ".coffre-restore-unfinished"

const markLimit = 8 << 10

// claim takes an empty folder, or one that holds the unfinished restore of the same mark. All goes by the held folder.
func claim(folder *os.File, mark string) (code int, err error) {
	names, err := folder.Readdirnames(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return exitFolder, err
	}
	if len(names) > 0 {
		said, err := readMark(folder)
		switch {
		case err != nil || said == "":
			return exitTaken, fmt.Errorf("%s is not empty", folder.Name())
		case said != mark:
			return exitOther, errors.New(said)
		}
		return 0, nil
	}
	descriptor, err := unix.Openat(int(folder.Fd()), marker,
		unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return exitFolder, fmt.Errorf("%s: %w", folder.Name(), err)
	}
	file := os.NewFile(uintptr(descriptor), marker)
	_, err = file.WriteString(mark + "\n")
	return exitFolder, errors.Join(err, file.Close())
}

func readMark(folder *os.File) (string, error) {
	descriptor, err := unix.Openat(int(folder.Fd()), marker,
		unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(descriptor), marker)
	facts, err := file.Stat()
	if err == nil && !facts.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(file, markLimit))
	}
	return strings.TrimSuffix(string(body), "\n"), errors.Join(err, file.Close())
}

// release takes the mark away: the restore is finished. What was backed up may have a folder of that name.
func release(folder *os.File) error {
	err := unix.Unlinkat(int(folder.Fd()), marker, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
