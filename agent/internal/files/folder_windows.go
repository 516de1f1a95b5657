package files

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Folder says how a folder is opened. No part may be a link.
type Folder struct {
	// Trusted says nothing here: access lists do.
	Trusted bool
	// Make: parts that are missing are made.
	Make bool
}

// Open opens a folder by its absolute path.
func (f Folder) Open(path string) (*os.File, error) {
	if !filepath.IsAbs(path) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if f.Make {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	if err := refuseLinks(path); err != nil {
		return nil, err
	}
	facts, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !facts.IsDir() {
		return nil, &UnsafeError{path, NotFolder}
	}
	return os.Open(path)
}
