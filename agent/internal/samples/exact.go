package samples

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"coffre.invalid/agent/internal/listing"
)

// namesLimit bounds how much of a folder is read to find one name in it.
const namesLimit = 20000

// exactPath returns the path that restic's JSON shows with U+FFFD for each byte that is no UTF-8. It is not known when
// nothing there is shown so, or more than one thing.
func exactPath(shown string) (path string, known bool) {
	if !strings.ContainsRune(shown, utf8.RuneError) {
		return shown, true
	}
	path = filepath.VolumeName(shown) + string(os.PathSeparator)
	for name := range strings.SplitSeq(strings.Trim(shown[len(filepath.VolumeName(shown)):], string(os.PathSeparator)), string(os.PathSeparator)) {
		if strings.ContainsRune(name, utf8.RuneError) {
			if name, known = exactName(path, name); !known {
				return "", false
			}
		}
		path = filepath.Join(path, name)
	}
	return path, true
}

// exactName returns the one name in a folder that is shown so.
func exactName(folder, shown string) (name string, known bool) {
	opened, err := os.Open(folder)
	if err != nil {
		return "", false
	}
	defer func() { _ = opened.Close() }()       // Nothing was written.
	names, _ := opened.Readdirnames(namesLimit) // What was read before an error is as good as any.
	if len(names) == namesLimit {
		return "", false
	}
	for _, each := range names {
		if listing.Blur(each) != shown {
			continue
		}
		if known {
			return "", false
		}
		name, known = each, true
	}
	return name, known
}
