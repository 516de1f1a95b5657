package cage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// messageLimit is more than the inside ever has to say.
const messageLimit = 4096

// message is what the inside says when the program was not run.
type message struct {
	Step    string        `json:"step,omitempty"`
	Errno   syscall.Errno `json:"errno,omitempty"`
	Changed bool          `json:"changed,omitempty"`
	Text    string        `json:"text,omitempty"`
}

// Start starts the plan's program in a cage. The command brings environment and pipes; its path and arguments are set
// here. On an error nothing runs any more: *UnavailableError when there can be no cage, ErrChanged, or another.
func Start(command *exec.Cmd, plan Plan) error {
	encoded, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reading.Close() }() // It was only read.
	command.Path, command.Err = "/proc/self/exe", nil
	command.Args = []string{Name, string(encoded)}
	command.Dir = "/"
	command.ExtraFiles = []*os.File{writing} // Its descriptor is messages.
	err = command.Start()
	if closeErr := writing.Close(); err != nil || closeErr != nil {
		return errors.Join(err, closeErr)
	}
	// The other end closes when the inside becomes the program.
	said, err := io.ReadAll(io.LimitReader(reading, messageLimit))
	if err == nil && len(said) == 0 {
		return nil
	}
	_ = command.Wait() // Its exit code says no more than its message.
	return errors.Join(err, read(said))
}

func read(said []byte) error {
	var told message
	if err := json.Unmarshal(said, &told); err != nil {
		return fmt.Errorf("the cage ended without a message: %w", err)
	}
	switch {
	case told.Step != "":
		return &UnavailableError{told.Step, told.Errno}
	case told.Changed:
		return ErrChanged
	}
	return errors.New(told.Text)
}

func identity(facts fs.FileInfo) (device, inode uint64, err error) {
	raw, known := facts.Sys().(*syscall.Stat_t)
	if !known {
		return 0, 0, errors.New("the system does not identify this folder")
	}
	return raw.Dev, raw.Ino, nil
}
