package bait

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var ofSystem = []string{"windows", "program files", "program files (x86)", "programdata", "appdata", "$recycle.bin"}

// isForUsers leaves out drives themselves and the folders of the system.
func isForUsers(_ *os.Root, folder string) bool {
	if filepath.Dir(folder) == folder {
		return false
	}
	return !slices.ContainsFunc(strings.Split(strings.ToLower(folder), `\`), func(part string) bool {
		return slices.Contains(ofSystem, part)
	})
}

// giveToFolder has nothing to do: a file has the rights of its folder.
func giveToFolder(*os.Root, *os.File) error { return nil }

const quietly = 0

func wasRead(os.FileInfo) bool { return false }
