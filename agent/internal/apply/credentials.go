package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/restic"
)

// openTimeout is how long restic may take to open the repository with its password: it retries for 15 minutes by itself.
const openTimeout = 30 * time.Second

// lookAtCredentials says what of the credentials is not as it was delivered. The key has just read the orders, so only
// whether it is this machine's is open; whether the password is the right one the repository itself knows.
func (s *session) lookAtCredentials(ctx context.Context, binary string) ([]string, error) {
	var changes []string
	if s.credentials.AccessKeyID != s.Key {
		changes = append(changes, "credentials.json: another access key")
	}
	if binary == "" {
		return changes, nil // Without restic the password cannot be tried; that it is missing is told.
	}
	code, err := s.tryPassword(ctx, binary)
	switch {
	case err != nil:
		return nil, err
	case code == restic.ExitWrongPassword:
		changes = append(changes, "credentials.json: a password that does not open the repository")
	case code != restic.ExitDone:
		return nil, fault.Failed(fmt.Sprintf("the repository cannot be opened: restic ends with %d", code),
			"run coffre verify for this tenant")
	}
	return changes, nil
}

func (s *session) tryPassword(ctx context.Context, binary string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	settings := restic.Command{
		Repository: s.machine.Repository, AccessKeyID: s.credentials.AccessKeyID,
		SecretAccessKey: s.credentials.SecretAccessKey, Password: s.credentials.RepositoryPassword,
		TemporaryFolder: os.TempDir(),
	}
	command := exec.CommandContext(ctx, binary, "cat", "config", "--no-lock", "--no-cache", "--quiet",
		"--cacert", s.machine.CAFile, "-o", "s3.bucket-lookup=path", "-o", "s3.region="+s.machine.Region)
	command.Env = settings.Environment(os.Environ())
	command.WaitDelay = time.Second // Whoever keeps its pipe open does not keep us.
	err := command.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, fault.Busy("restic did not open the repository within "+openTimeout.String(), "try again")
	case errors.As(err, &ended):
		return ended.ExitCode(), nil
	}
	return 0, err
}
