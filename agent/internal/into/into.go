// Package into restores a snapshot into a folder of this machine for whoever sent this program here over SSH: it holds
// the folder, so that nobody swaps it for a link meanwhile, and runs restic in a cage in which there is nothing else.
//
// The caller has checked the listing of the snapshot. It speaks to the caller in exit codes and in restic's JSON.
package into

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/restic"
)

// Name is the agent's word for this.
const Name = "restore-into"

// Exit codes from 80 on are this program's own, all others restic's; those of remote_restore.sh continue them.
const (
	exitUsage      = 80
	exitTaken      = 83
	exitOther      = 84
	exitFolder     = 85
	exitUntrusted  = 86
	exitNotRun     = 87
	exitTerminated = 143
)

// Request is one restore. Secrets are in Environment alone.
type Request struct {
	// Folder is restored to; Mark names the restore, so that it is gone on with and no other.
	Folder, Mark string
	// Restic is the program's file, which must have this SHA-256.
	Restic, SHA256 string
	// Authorities is the file of the certificates that restic trusts.
	Authorities string
	// Arguments are restic's, --target=FOLDER among them.
	Arguments   []string
	Environment []string
}

// Read takes a request from the words after Name.
func Read(words, environment []string) (Request, error) {
	if len(words) < 6 {
		return Request{}, errors.New("usage: coffre-agent restore-into FOLDER MARK RESTIC SHA256 AUTHORITIES ARGUMENT…")
	}
	return Request{words[0], words[1], words[2], words[3], words[4], words[5:], environment}, nil
}

// Main obeys a request and returns the exit code. output gets what restic prints.
func Main(ctx context.Context, words []string, output, log *os.File) int {
	request, err := Read(words, os.Environ())
	if err != nil {
		return fail(log, exitUsage, err)
	}
	folder, err := files.Folder{Make: true}.Open(request.Folder)
	if err != nil {
		code := exitFolder
		var unsafe *files.UnsafeError
		if errors.As(err, &unsafe) {
			code = exitTaken
		}
		return fail(log, code, err)
	}
	defer func() { _ = folder.Close() }() // It was only held.
	if code, err := claim(folder, request.Mark); err != nil {
		return fail(log, code, err)
	}
	code, err := request.run(ctx, folder, output, log)
	if err != nil {
		return fail(log, code, err)
	}
	if code != restic.ExitDone {
		return code
	}
	if err := release(folder); err != nil {
		return fail(log, exitFolder, err)
	}
	return 0
}

func fail(log io.Writer, code int, err error) int {
	_, _ = fmt.Fprintln(log, err) // The exit code says it too.
	return code
}

// run restores in a cage, or where the system has none after saying so and only into a folder that nobody else replaces.
func (r Request) run(ctx context.Context, folder, output, log *os.File) (int, error) {
	code, err := r.runCaged(ctx, folder, output, log)
	var unavailable *cage.UnavailableError
	if !errors.As(err, &unavailable) {
		return code, err
	}
	trusted, err := files.Folder{Trusted: true}.Open(r.Folder)
	if err != nil {
		return exitUntrusted, fmt.Errorf("%w; this system has no cage for a restore, so only root may have the right to change that", err)
	}
	defer func() { _ = trusted.Close() }() // It was only looked at.
	note, err := json.Marshal(map[string]string{"message_type": "coffre_uncaged", "reason": unavailable.Error()})
	if err == nil {
		_, err = output.Write(append(note, '\n'))
	}
	if err != nil {
		return exitNotRun, err
	}
	return runRestic(ctx, restic.Call{
		Binary: r.Restic, Arguments: r.arguments(r.Folder, r.Authorities), Environment: r.Environment,
		Output: restic.Stream{File: output}, Complaints: restic.Stream{File: log},
	})
}

func (r Request) runCaged(ctx context.Context, folder, output, log *os.File) (int, error) {
	seen := cage.Resolver()
	seen[cage.Authorities] = r.Authorities
	plan, err := cage.Plan{
		Program: r.Restic, SHA256: r.SHA256, Files: seen, Arguments: r.arguments(cage.Target, cage.Authorities),
	}.Of(folder)
	if err != nil {
		return exitNotRun, err
	}
	return runRestic(ctx, restic.Call{
		Cage: &plan, Environment: r.Environment,
		Output: restic.Stream{File: output}, Complaints: restic.Stream{File: log},
	})
}

// arguments puts the folder as it is seen, in a cage or not, in the place of the one that the caller named.
func (r Request) arguments(target, certificates string) []string {
	arguments := []string{"--cacert=" + certificates}
	for _, argument := range r.Arguments {
		if argument == "--target="+r.Folder {
			argument = "--target=" + target
		}
		arguments = append(arguments, argument)
	}
	return arguments
}

// runRestic returns restic's exit code, or that of a program that was told to end.
func runRestic(ctx context.Context, call restic.Call) (int, error) {
	process, err := restic.Start(call)
	if err != nil {
		return exitNotRun, err
	}
	outcome, err := process.Wait(ctx)
	switch {
	case outcome.Ended == restic.ByContext:
		return exitTerminated, nil
	case err != nil:
		return exitNotRun, err
	case outcome.ExitCode == nil:
		return exitTerminated, nil
	}
	return *outcome.ExitCode, nil
}
