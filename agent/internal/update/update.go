// Package update puts the agent's own program in its place, and replaces it by the one that a signed delivery names:
// fetched by its SHA-256, tried before it takes the place of the present one, which is kept and takes its place again when
// the new one does not bring its first run to its end.
package update

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/text"
)

// Bounds of what a new program may take to show itself.
const (
	versionTimeout = 30 * time.Second
	checkTimeout   = 2 * time.Minute
	pullTimeout    = 5 * time.Minute
)

// saidLimit bounds what is repeated of a program's own words.
const saidLimit = 300

// Settings are what an update is given from outside. Version is that of the running program, Storage the platform's bucket
// of programs, Invocation the scheduler's start that this belongs to, empty without one.
type Settings struct {
	Paths      config.Paths
	TenantID   string
	Version    string
	Storage    storage.Settings
	Invocation string
	// IsBackupNext says that the scheduler starts the installed program anew for the backup that follows this pull.
	IsBackupNext bool
}

// Updated is what Ensure did. Version is that of a new program that has taken its place.
type Updated struct {
	Version string
	// HasFallenBack says that a new program was in place, and the present one is again.
	HasFallenBack bool
}

// Ensure has the program that the last delivery names installed. It changes nothing while a backup is at work, may be cut
// short anywhere and called again, and never brings an earlier version. An error says why the present program stays.
func Ensure(ctx context.Context, settings Settings) (Updated, error) {
	wanted, err := delivery.ReadProgram(settings.Paths)
	if err != nil || wanted == nil {
		return Updated{}, err
	}
	installed, err := files.SHA256(settings.Paths.Agent())
	if err != nil {
		return Updated{}, err
	}
	if installed == wanted.SHA256 {
		return Updated{}, errors.Join(remove(settings.Paths.NextAgent()), forgetOthers(settings.Paths, installed))
	}
	release, isFree, err := settings.hold()
	if err != nil || !isFree {
		return Updated{}, err
	}
	done, err := update{settings, *wanted, installed}.run(ctx)
	return done, errors.Join(err, release())
}

// hold keeps backups and other updates away for as long as this one is at work.
func (s Settings) hold() (release func() error, isFree bool, err error) {
	var held []func() error
	release = func() (err error) {
		for _, each := range held {
			err = errors.Join(err, each())
		}
		return err
	}
	for _, path := range []string{s.Paths.UpdateLock(), s.Paths.Lock()} {
		let, err := lock.Acquire(path)
		if errors.Is(err, lock.ErrHeld) {
			return nil, false, release()
		}
		if err != nil {
			return nil, false, errors.Join(err, release())
		}
		held = append(held, let)
	}
	return release, true, nil
}

// update is one way from the installed program to the wanted one.
type update struct {
	Settings
	wanted    delivery.Program
	installed string
}

func (u update) run(ctx context.Context) (Updated, error) {
	failure, err := FindFailure(u.Paths)
	if err != nil {
		return Updated{}, err
	}
	if failure != nil && failure.SHA256 == u.wanted.SHA256 && failure.Tries >= maxTries {
		return Updated{}, remove(u.Paths.NextAgent())
	}
	onTrial := trial{}
	if isThere, err := read(u.Paths.Trial(), &onTrial); err != nil || isThere {
		return Updated{}, err // One at a time: the present program has yet to come to the end of its first run.
	}
	for _, step := range u.steps(ctx) {
		if err := step(); err != nil {
			if ctx.Err() != nil {
				return Updated{}, context.Cause(ctx)
			}
			reason := text.Line(err.Error(), saidLimit)
			return Updated{}, errors.Join(err, rememberFailure(u.Paths, u.wanted.Version, u.wanted.SHA256, reason, 0))
		}
	}
	return u.firstPull(ctx)
}

// steps may be cut short after each of them, and all be taken again. Until the last the present program is in its place.
func (u update) steps(ctx context.Context) []func() error {
	return []func() error{
		u.refuseOlder,
		func() error { return u.fetch(ctx) },
		func() error { return u.proveVersion(ctx) },
		// As every run begins, and without a change: the configuration, the storage, the orders and their signature.
		func() error { return u.call(ctx, u.Paths.NextAgent(), checkTimeout, "apply", "--check") },
		u.keepPresent,
		func() error {
			return write(u.Paths.Trial(), trial{
				Version: u.wanted.Version, SHA256: u.wanted.SHA256, BeforeVersion: u.Version, BeforeSHA256: u.installed,
			})
		},
		func() error { return swap(u.Paths, u.Paths.NextAgent()) },
	}
}

func (u update) name() string { return "agent " + u.wanted.Version }

// refuseOlder: a storage host that replays an earlier delivery brings back no program with a flaw that was mended.
func (u update) refuseOlder() error {
	if !u.wanted.IsOlderThan(u.Version) {
		return nil
	}
	return fault.Refused(fmt.Sprintf("the delivery names %s, which is older than the present %s", u.name(), u.Version), "")
}

// fetch has the new program beside the present one.
func (u update) fetch(ctx context.Context) error {
	if found, err := files.SHA256(u.Paths.NextAgent()); err == nil && found == u.wanted.SHA256 {
		return nil
	}
	published := programs.Published{Name: u.name(), SHA256: u.wanted.SHA256, LimitBytes: u.wanted.SizeBytes}
	return programs.Download(ctx, u.Storage, u.Paths.NextAgent(), published)
}

func (u update) proveVersion(ctx context.Context) error {
	output, err := execute(ctx, u.Paths.NextAgent(), versionTimeout, "version")
	if err != nil {
		return fmt.Errorf("%s does not run on this machine: %w", u.name(), err)
	}
	var said struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(output, &said) != nil || said.Version != u.wanted.Version {
		return fault.Refused(fmt.Sprintf("%s says that it is %q", u.name(), text.Line(said.Version, saidLimit)), "")
	}
	return nil
}

func (u update) call(ctx context.Context, path string, limit time.Duration, arguments ...string) error {
	if _, err := execute(ctx, path, limit, arguments...); err != nil {
		return fmt.Errorf("%s cannot do “%s” on this machine: %w", u.name(), strings.Join(arguments, " "), err)
	}
	return nil
}

func (u update) keepPresent() error {
	program, err := ReadProgram(u.Paths.Agent())
	if err != nil {
		return err
	}
	return files.WriteAtomic(u.Paths.PreviousAgent(), program, programMode)
}

// firstPull has the new program, in its place now, do its first work under the eyes of the one before.
func (u update) firstPull(ctx context.Context) (Updated, error) {
	err := u.call(ctx, u.Paths.Agent(), pullTimeout, "pull")
	var onTrial trial
	isThere, readErr := read(u.Paths.Trial(), &onTrial)
	if readErr != nil {
		return Updated{}, errors.Join(err, readErr)
	}
	if err == nil && isThere {
		if u.IsBackupNext {
			onTrial.Begun, onTrial.BootID = u.Invocation, identity.Read(u.Paths.Root, u.TenantID).BootID
			err = write(u.Paths.Trial(), onTrial)
		}
		return Updated{Version: u.wanted.Version}, err
	}
	if !isThere {
		return Updated{}, errors.Join(err, errors.New("another update was at work"))
	}
	if ctx.Err() != nil {
		return Updated{}, context.Cause(ctx) // Its first run begins with the next start.
	}
	reason := text.Line(err.Error(), saidLimit)
	if err := fallBack(u.Paths, onTrial, reason, 1); err != nil {
		return Updated{}, err
	}
	return Updated{HasFallenBack: true}, errors.New(describeFallBack(onTrial, reason))
}

// execute runs a program in bounded time and returns what it printed; an error has its last words.
func execute(ctx context.Context, path string, limit time.Duration, arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := exec.CommandContext(ctx, path, arguments...)
	var output, said bounded
	command.Stdout, command.Stderr = &output, &said
	// Whoever keeps its pipe open does not keep us.
	command.WaitDelay = time.Second
	err := command.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("no end after %s", limit)
	}
	if err != nil && len(said) > 0 {
		return nil, fmt.Errorf("%w: %s", err, text.Line(string(said), saidLimit))
	}
	return output, err
}

// bounded keeps the first of what is written, and takes the rest.
type bounded []byte

const boundedBytes = 64 << 10

func (b *bounded) Write(body []byte) (int, error) {
	room := max(0, boundedBytes-len(*b))
	*b = append(*b, body[:min(room, len(body))]...)
	return len(body), nil
}
