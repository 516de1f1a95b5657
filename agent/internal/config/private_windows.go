package config

import (
	"io/fs"

	"coffre.invalid/agent/internal/fault"
)

// checkPrivate refuses everything: access lists are not read yet, and guessing would be worse.
func checkPrivate(path string, _ fs.FileInfo) error {
	return fault.Refused("checking who may read "+path+" is not supported on windows yet", "")
}
