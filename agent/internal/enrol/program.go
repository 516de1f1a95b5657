package enrol

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
)

const programMode = 0o755

// readProgram reads the program that is running, before anything is asked of it.
func readProgram(path string) ([]byte, error) {
	body, err := os.ReadFile(path)
	if err == nil && len(body) == 0 {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is empty")}
	}
	return body, err
}

// installProgram puts the agent where its scheduler calls it, with the name by which customers restore, as a deployment
// does. It may run twice.
func installProgram(paths config.Paths, program []byte) error {
	if err := ensureProgramDirectory(paths.ProgramDirectory()); err != nil {
		return err
	}
	if !isProgram(paths.Agent(), program) {
		if err := makeRoom(paths.Agent()); err != nil {
			return err
		}
		if err := files.WriteAtomic(paths.Agent(), program, programMode); err != nil {
			return err
		}
	}
	return ensureRestoreCommand(paths)
}

func isProgram(path string, program []byte) bool {
	facts, err := os.Lstat(path)
	if err != nil || !isInstalled(facts) {
		return false
	}
	present, err := os.ReadFile(path)
	return err == nil && bytes.Equal(present, program)
}
