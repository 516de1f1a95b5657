//go:build unix

package sources

import (
	"io/fs"
	"os"
	"syscall"
)

// mayFollow says whether a link leads to what belongs to who set it; root, and who runs this, may lead anywhere.
func mayFollow(path string, link fs.FileInfo) bool {
	owner, known := ownerOf(link)
	if !known || owner == 0 || int(owner) == os.Geteuid() {
		return true
	}
	target, err := os.Stat(path)
	if err != nil {
		return true // It leads nowhere: there is nothing to read.
	}
	other, known := ownerOf(target)
	return known && other == owner
}

func ownerOf(facts fs.FileInfo) (uint32, bool) {
	status, known := facts.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return status.Uid, true
}
