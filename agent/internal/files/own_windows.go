package files

import (
	"io/fs"
	"os"
	"path/filepath"
)

// openOwn looks at each part before it opens the file: Windows has no way in Go to open from folder to folder. Only
// administrators may write where the agent's files are (CheckPrivate), so nobody else can change a part in between.
func openOwn(path string) (*os.File, error) {
	if err := refuseLinks(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func refuseLinks(path string) error {
	for part := filepath.Clean(path); filepath.Dir(part) != part; part = filepath.Dir(part) {
		facts, err := os.Lstat(part)
		if err != nil {
			return err
		}
		// A junction is neither link nor folder in Go's words.
		if facts.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return &UnsafeError{part, IsLink}
		}
	}
	return nil
}
