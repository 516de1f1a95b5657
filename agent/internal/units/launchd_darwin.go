package units

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
)

const launchdHint = "see launchctl print system/" + launchdLabel

// Launchd registers the job as a daemon of the system.
type Launchd struct{ Root string }

// NewScheduler returns this system's scheduler.
func NewScheduler(root string) (Scheduler, error) { return Launchd{Root: root}, nil }

// Render makes the documents of these orders for this system.
func Render(wanted orders.Orders) (Job, error) { return renderLaunchd(wanted, config.Agent) }

func (l Launchd) plist() string {
	return filepath.Join(l.Root, "Library/LaunchDaemons", launchdLabel+".plist")
}

// loaded holds the SHA-256 of the property list that launchd was given last; it does not tell that itself.
func (l Launchd) loaded() string {
	return filepath.Join(config.Paths{Root: l.Root}.State(), "launchd-loaded")
}

// isInside says that launchd runs this process as the job: reloading the job would end us in the middle of a backup.
func isInside() bool { return os.Getenv("XPC_SERVICE_NAME") == launchdLabel }

// Ensure implements Scheduler. Inside the job the file is written, and launchd is told after the run: Outside("apply").
func (l Launchd) Ensure(job Job, check bool) ([]string, error) {
	var changes []string
	found, err := os.ReadFile(l.plist())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !bytes.Equal(found, job.Service) {
		changes = append(changes, filepath.Base(l.plist())+": write")
	}
	digest := sha256.Sum256(job.Service)
	mark := []byte(hex.EncodeToString(digest[:]))
	known, err := os.ReadFile(l.loaded())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, printErr := call(launchdHint, "launchctl", "print", "system/"+launchdLabel)
	isLoaded := printErr == nil && bytes.Equal(known, mark)
	if !isLoaded {
		changes = append(changes, launchdLabel+": load")
	}
	if check || len(changes) == 0 {
		return changes, nil
	}
	if err := files.WriteAtomic(l.plist(), job.Service, 0o644); err != nil {
		return nil, err
	}
	if isInside() {
		return changes, nil
	}
	if printErr == nil {
		if _, err := call(launchdHint, "launchctl", "bootout", "system/"+launchdLabel); err != nil {
			return nil, err
		}
	}
	for _, step := range [][]string{{"enable", "system/" + launchdLabel}, {"bootstrap", "system", l.plist()}} {
		if _, err := call(launchdHint, "launchctl", step...); err != nil {
			return nil, err
		}
	}
	return changes, files.WriteAtomic(l.loaded(), mark, 0o600)
}

// Remove implements Scheduler.
func (l Launchd) Remove(check bool) ([]string, error) {
	changes := []string{}
	_, printErr := call(launchdHint, "launchctl", "print", "system/"+launchdLabel)
	if printErr == nil {
		changes = append(changes, launchdLabel+": unload")
		if !check {
			if _, err := call(launchdHint, "launchctl", "bootout", "system/"+launchdLabel); err != nil {
				return nil, err
			}
		}
	}
	exists, err := files.Exists(l.plist())
	if err != nil || !exists {
		return changes, err
	}
	changes = append(changes, "remove "+l.plist())
	if !check {
		_, err = files.RemoveIfPresent(l.plist())
	}
	return changes, err
}

// Outside implements Scheduler: launchd ends a job's process group, and this begins one of its own.
func (l Launchd) Outside(arguments ...string) error {
	command := exec.Command(config.Agent, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	return command.Process.Release()
}
