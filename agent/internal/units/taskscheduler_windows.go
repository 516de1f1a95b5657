package units

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
)

const taskHint = "see the task " + taskName + " in Task Scheduler and its history"

// TaskScheduler registers the job as a task of the system account.
type TaskScheduler struct{ paths config.Paths }

// NewScheduler returns this system's scheduler.
func NewScheduler(root string) (Scheduler, error) {
	return TaskScheduler{config.Paths{Root: root}}, nil
}

// Render makes the documents of these orders for this system.
func Render(wanted orders.Orders) (Job, error) { return renderTask(wanted, config.Agent) }

// document is what the task was registered from last; Task Scheduler writes its own form of it.
func (s TaskScheduler) document() string { return filepath.Join(s.paths.State(), "task.xml") }

func isRegistered() bool {
	_, err := call(taskHint, "schtasks.exe", "/Query", "/TN", taskName)
	return err == nil
}

// Ensure implements Scheduler. Registering a task anew leaves a run of it under way.
func (s TaskScheduler) Ensure(job Job, check bool) ([]string, error) {
	wanted := encodeUTF16(job.Service)
	found, err := os.ReadFile(s.document())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if bytes.Equal(found, wanted) && isRegistered() {
		return nil, nil
	}
	changes := []string{taskName + ": register"}
	if check {
		return changes, nil
	}
	// The document gets its own name last: until then the next apply registers the task again.
	registering := s.document() + ".new"
	if err := errors.Join(files.EnsurePrivateDirectory(s.paths.State()), files.WriteAtomic(registering, wanted, 0o600)); err != nil {
		return nil, err
	}
	if _, err := call(taskHint, "schtasks.exe", "/Create", "/F", "/TN", taskName, "/XML", registering); err != nil {
		return nil, err
	}
	return changes, os.Rename(registering, s.document())
}

// Remove implements Scheduler.
func (s TaskScheduler) Remove(check bool) ([]string, error) {
	if !isRegistered() {
		return []string{}, nil
	}
	changes := []string{taskName + ": unregister"}
	if check {
		return changes, nil
	}
	// Ending a task that does not run is an error of schtasks.exe that tells nothing.
	_, _ = call(taskHint, "schtasks.exe", "/End", "/TN", taskName)
	_, err := call(taskHint, "schtasks.exe", "/Delete", "/F", "/TN", taskName)
	return changes, err
}

// Outside implements Scheduler: a task's processes are in a job object, which this one leaves.
func (s TaskScheduler) Outside(arguments ...string) error {
	command := exec.Command(config.Agent, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.CREATE_BREAKAWAY_FROM_JOB | windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS,
	}
	if err := command.Start(); err != nil {
		return err
	}
	return command.Process.Release()
}
