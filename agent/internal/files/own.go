package files

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Danger is why a path is not used: what somebody else could do with it.
type Danger int

// Dangers.
const (
	// IsLink: a part of the path is a link, which may lead anywhere.
	IsLink Danger = iota
	// NotFolder: a part of the path is something else than a folder.
	NotFolder
	// NotRegular: the file is a device, a pipe or the like.
	NotRegular
	// Foreign: it belongs to another user, who can put something else in its place.
	Foreign
	// Writable: others than its owner may write there.
	Writable
	// TooLarge: it has more bytes than such a file ever has.
	TooLarge
)

var dangers = map[Danger]string{
	IsLink: "is a link", NotFolder: "is not a directory", NotRegular: "is not a regular file",
	Foreign:  "belongs to another user than root and the one that runs this program",
	Writable: "can be written by others than its owner", TooLarge: "is too large for such a file",
}

// UnsafeError says which part of a path is not used, and why.
type UnsafeError struct {
	Path   string
	Danger Danger
}

func (e *UnsafeError) Error() string { return fmt.Sprintf("%s %s", e.Path, dangers[e.Danger]) }

// LimitBytes is the largest of the agent's own small files: configuration, secrets, state, authorities.
const LimitBytes = 4 << 20

// ReadOwn reads one of the agent's own files, of at most LimitBytes. No link is followed in any part of its path, and
// nobody but root and this user can have put it there; otherwise the error is an *UnsafeError. Errors of the system keep
// their kind.
func ReadOwn(path string) ([]byte, error) {
	body, _, err := ReadOwnAndFacts(path)
	return body, err
}

// ReadOwnAndFacts is ReadOwn, and says what the very file was that was read.
func ReadOwnAndFacts(path string) ([]byte, fs.FileInfo, error) {
	file, err := openOwn(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // It was only read.
	facts, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	body, err := readRegular(file, path, facts)
	return body, facts, err
}

func readRegular(file *os.File, path string, facts fs.FileInfo) ([]byte, error) {
	if !facts.Mode().IsRegular() {
		return nil, &UnsafeError{path, NotRegular}
	}
	if facts.Size() > LimitBytes {
		return nil, &UnsafeError{path, TooLarge}
	}
	// It may grow while it is read.
	body, err := io.ReadAll(io.LimitReader(file, LimitBytes+1))
	if err == nil && len(body) > LimitBytes {
		err = &UnsafeError{path, TooLarge}
	}
	return body, err
}
