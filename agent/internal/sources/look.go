package sources

import (
	"io/fs"
	"path/filepath"
	"time"
)

// What a look for one file in a path that gave none may cost.
const (
	lookEntries = 20_000
	lookTime    = 5 * time.Second
)

// HasFiles says whether there is any regular file in a path: one that gave none was then excluded. A look that takes too
// long finds none.
func HasFiles(path string) bool {
	found := false
	ends, left := time.Now().Add(lookTime), lookEntries
	// What cannot be listed has no files that anybody can see.
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if left--; left < 0 || time.Now().After(ends) {
			return fs.SkipAll
		}
		if err == nil && entry.Type().IsRegular() {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
