package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"golang.org/x/mod/semver"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/programs"
)

// Program is the agent's own program as a delivery names it: where it lies on the platform follows from its SHA-256.
type Program struct {
	Version   string `json:"version"`
	SHA256    string `json:"sha256"`
	SizeBytes int64  `json:"size_bytes"`
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (p Program) check() error {
	switch {
	case !semver.IsValid("v" + p.Version):
		return fmt.Errorf("its agent has the odd version %q", p.Version)
	case !digestForm.MatchString(p.SHA256):
		return fmt.Errorf("its agent has the odd SHA-256 %q", p.SHA256)
	case p.SizeBytes < 1 || p.SizeBytes > programs.LimitBytes:
		return fmt.Errorf("its agent has the odd size %d", p.SizeBytes)
	}
	return nil
}

// IsOlderThan says whether this program is of an earlier version. Programs without a version are older than every other.
func (p Program) IsOlderThan(version string) bool {
	return semver.Compare("v"+p.Version, "v"+version) < 0
}

// ReadProgram returns the program that the last delivery names, nil when it names none.
func ReadProgram(paths config.Paths) (*Program, error) {
	body, err := files.ReadOwn(paths.DeliveredProgram())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // A delivery need not name one.
	}
	if err != nil {
		return nil, err
	}
	var program Program
	if err = json.Unmarshal(body, &program); err == nil {
		err = program.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", paths.DeliveredProgram(), err)
	}
	return &program, nil
}

// writeProgram remembers the program that a delivery names, or that it names none.
func writeProgram(paths config.Paths, program *Program) error {
	if program == nil {
		_, err := files.RemoveIfPresent(paths.DeliveredProgram())
		return err
	}
	body, err := json.Marshal(program)
	if err != nil {
		return err
	}
	return files.WriteAtomic(paths.DeliveredProgram(), append(body, '\n'), 0o600)
}
