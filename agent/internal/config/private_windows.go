package config

import (
	"io/fs"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
)

// checkPrivate refuses a file that anybody but the system and its administrators may read or change.
func checkPrivate(path string, _ fs.FileInfo) error {
	if err := files.CheckPrivate(path); err != nil {
		return fault.Refused(err.Error(), `icacls "`+path+`" /inheritance:r /grant:r *S-1-5-18:F *S-1-5-32-544:F`)
	}
	return nil
}
