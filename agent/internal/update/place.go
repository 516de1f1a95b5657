package update

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
)

const programMode = 0o755

// ReadProgram reads the program that is running, before anything is asked of it.
func ReadProgram(path string) ([]byte, error) {
	body, err := os.ReadFile(path)
	if err == nil && len(body) == 0 {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is empty")}
	}
	return body, err
}

// Install puts the agent where its scheduler calls it, with the name by which customers restore, as a deployment does.
// What was known of earlier updates is forgotten. It may run twice.
func Install(paths config.Paths, program []byte) error {
	if err := ensureProgramDirectory(paths.ProgramDirectory()); err != nil {
		return err
	}
	if !isProgram(paths.Agent(), program) {
		takeBack, err := makeRoom(paths.Agent())
		if err != nil {
			return err
		}
		if err := files.WriteAtomic(paths.Agent(), program, programMode); err != nil {
			return errors.Join(err, takeBack())
		}
	}
	return errors.Join(ensureRestoreCommand(paths), Forget(paths))
}

func isProgram(path string, program []byte) bool {
	facts, err := os.Lstat(path)
	if err != nil || !isInstalled(facts) {
		return false
	}
	present, err := os.ReadFile(path)
	return err == nil && bytes.Equal(present, program)
}

// swap puts a program, which is on the disk beside the installed one, in its place. On Windows that takes two renames.
func swap(paths config.Paths, from string) error {
	if err := os.Chmod(from, programMode); err != nil {
		return err
	}
	takeBack, err := makeRoom(paths.Agent())
	if err != nil {
		return err
	}
	if err := files.Rename(from, paths.Agent()); err != nil {
		return errors.Join(err, takeBack())
	}
	return nil
}
