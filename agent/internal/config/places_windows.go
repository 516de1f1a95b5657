package config

import (
	"path/filepath"
	"strings"
)

// Agent is the installed program as Task Scheduler must call it.
const Agent = programDirectory + `\coffre-agent.exe`

const (
	configurationDirectory = `C:\ProgramData\Coffre`
	programDirectory       = `C:\Program Files\Coffre`
	stateDirectory         = `C:\ProgramData\Coffre\state`
	resticName             = "restic.exe"
	programSuffix          = ".exe"
	restoreCommand         = programDirectory + `\sauvegarde-restaurer.exe`
)

// at leaves a path as it is on a real machine; below a test's root the drive is dropped.
func (p Paths) at(path string) string {
	if p.Root == "" || p.Root == "/" || p.Root == `\` {
		return path
	}
	return filepath.Join(p.Root, strings.TrimPrefix(path, filepath.VolumeName(path)))
}
