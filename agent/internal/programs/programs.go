// Package programs finds, fetches and proves the one restic program that orders name by its SHA-256: the one that the
// deployment installed, or one that the agent fetched by itself. The last good one stays until a newer one has taken its
// place.
package programs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

// LimitBytes is the largest program that is fetched; restic has about 30 MiB.
const LimitBytes = 256 << 20

// Bounds of the two things that may hang.
const (
	fetchTimeout = 15 * time.Minute
	proveTimeout = 30 * time.Second
)

// Key is the name of a program, restic or the agent, in the bucket of programs for all machines of a platform, which counts for no
// tenant. Every machine may read it: the hash in signed
// orders, or in a signed delivery, vouches for a program.
func Key(sha256 string) string { return "restic/" + sha256 }

// Find returns the path of the ordered program, and refuses any other: nobody who can write beside the agent can have
// something else run.
func Find(paths config.Paths, wanted orders.Restic) (string, error) {
	fetched := paths.Program(wanted.SHA256)
	if found, err := files.SHA256(fetched); err == nil && found == wanted.SHA256 {
		return fetched, nil
	}
	found, err := files.SHA256(paths.Restic())
	if err != nil {
		return "", fault.Failed(fmt.Sprintf("restic is not installed: %v", err), "deploy the agent to this machine again")
	}
	if found != wanted.SHA256 {
		return "", fault.Refused(fmt.Sprintf("%s is not the ordered restic %s: its SHA-256 is %s, not %s", paths.Restic(),
			wanted.Version, found, wanted.SHA256), "deploy the agent to this machine again")
	}
	return paths.Restic(), nil
}

// Fetch brings the ordered program from the platform. It gets its name only whole and with the right SHA-256.
func Fetch(ctx context.Context, settings storage.Settings, paths config.Paths, wanted orders.Restic) (string, error) {
	err := errors.Join(files.EnsurePrivateDirectory(paths.State()), files.EnsurePrivateDirectory(paths.Programs()))
	if err != nil {
		return "", err
	}
	path := paths.Program(wanted.SHA256)
	return path, Download(ctx, settings, path, Published{"restic " + wanted.Version, wanted.SHA256, LimitBytes})
}

// Published is a program on the platform: its name and version for people, its SHA-256, and the most bytes it has.
type Published struct {
	Name       string
	SHA256     string
	LimitBytes int64
}

// Download brings a program from the platform to a file that only this user may read and run. It gets its name only
// whole and with the right SHA-256.
func Download(ctx context.Context, settings storage.Settings, path string, wanted Published) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	client, err := storage.Open(settings)
	if err != nil {
		return err
	}
	return files.ReplaceBy(path, 0o700, func(into io.Writer) error {
		digest := sha256.New()
		if _, err := client.Download(ctx, Key(wanted.SHA256), wanted.LimitBytes, io.MultiWriter(into, digest)); err != nil {
			return fault.Failed(fmt.Sprintf("%s cannot be downloaded from the platform: %v", wanted.Name, err),
				"run apply for this tenant, which publishes the programs of its machines")
		}
		if found := hex.EncodeToString(digest.Sum(nil)); found != wanted.SHA256 {
			return fault.Refused(fmt.Sprintf("the platform's %s is another program: its SHA-256 is %s, not %s",
				wanted.Name, found, wanted.SHA256), "find out who wrote to bucket "+settings.Bucket)
		}
		return nil
	})
}

// Prove runs the program once, to see that it runs here and that it is the version it should be.
func Prove(ctx context.Context, path, version string) error {
	ctx, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, "version")
	command.Env = []string{}
	// Whoever keeps its pipe open does not keep us.
	command.WaitDelay = time.Second
	output, err := command.Output()
	if ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded {
		return context.Cause(ctx)
	}
	if err != nil {
		return fault.Failed(fmt.Sprintf("restic %s does not run on this machine: %v", version, err),
			"check that the program is for this system, and that "+filepath.Dir(path)+" allows programs to run (noexec)")
	}
	if said := strings.Fields(string(output)); len(said) < 2 || said[0] != "restic" || said[1] != version {
		return fault.Refused(fmt.Sprintf("the program ordered as restic %s says that it is %q", version, shorten(output)),
			"build it again with the right version, then apply for this tenant")
	}
	return nil
}

func shorten(output []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return text.Line(line, 80)
}

// Prune removes every fetched program, and what killed fetches left, but those with these SHA-256s.
func Prune(paths config.Paths, keep ...string) error {
	entries, err := os.ReadDir(paths.Programs())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(paths.Programs(), entry.Name())
		if slices.ContainsFunc(keep, func(sha256 string) bool { return paths.Program(sha256) == path }) {
			continue
		}
		// A program that still runs cannot be removed on Windows: the next apply does it.
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
