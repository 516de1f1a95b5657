package units

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
)

// Names of the two units, and of the passing one that removes them.
const (
	serviceUnit = "coffre-backup.service"
	timerUnit   = "coffre-backup.timer"
	outsideUnit = "coffre-outside.service"
)

// outsideRetry is how soon a work outside the job that was killed, or found a backup started by hand, is begun again.
const outsideRetry = 20 * time.Second

const systemdHint = "see systemctl status " + timerUnit + " and journalctl -u " + timerUnit

// Systemd registers the job as a service and a timer.
type Systemd struct {
	// Root is "/" on a real machine.
	Root string
	// Online says that the systemd to speak to runs with this root. Otherwise units are written and enabled below
	// Root, as for an image, and nothing is started.
	Online bool
	// Systemctl and Run are the programs to call.
	Systemctl string
	Run       string
}

// NewScheduler returns this system's scheduler.
func NewScheduler(root string) (Scheduler, error) {
	online := filepath.Clean(root) == string(os.PathSeparator)
	return Systemd{Root: root, Systemctl: "systemctl", Run: "systemd-run", Online: online}, nil
}

// Render makes the documents of these orders for this system.
func Render(wanted orders.Orders) (Job, error) { return renderSystemd(wanted, config.Agent) }

func (s Systemd) directory() string { return filepath.Join(s.Root, "etc/systemd/system") }

// stamp is where systemd remembers a persistent timer's last run; it outlives the timer.
func (s Systemd) stamp() string {
	return filepath.Join(s.Root, "var/lib/systemd/timers/stamp-"+timerUnit)
}

// Ensure implements Scheduler. systemd is told to read its files again also when an earlier apply was killed before it
// could say so.
func (s Systemd) Ensure(job Job, check bool) ([]string, error) {
	var changes []string
	for _, unit := range []struct {
		name string
		body []byte
	}{{serviceUnit, job.Service}, {timerUnit, job.Timer}} {
		change, err := s.ensureFile(unit.name, unit.body, check)
		if err != nil {
			return changes, err
		}
		changes = append(changes, change...)
	}
	state, err := s.state()
	if err != nil {
		return changes, err
	}
	if state.needsReload {
		changes = append(changes, "systemd: reload units")
	}
	if !state.enabled {
		changes = append(changes, timerUnit+": enable")
	}
	if !state.active {
		changes = append(changes, timerUnit+": start")
	}
	if check || len(changes) == 0 {
		return changes, nil
	}
	return changes, s.activate()
}

func (s Systemd) ensureFile(name string, body []byte, check bool) ([]string, error) {
	path := filepath.Join(s.directory(), name)
	verb := "rewrite"
	facts, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		verb = "write"
	} else if err != nil {
		return nil, err
	} else if facts.Mode().IsRegular() && facts.Mode().Perm() == 0o644 {
		found, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(found, body) {
			return nil, nil
		}
	}
	if !check {
		if err := files.WriteAtomic(path, body, 0o644); err != nil {
			return nil, err
		}
	}
	return []string{name + ": " + verb}, nil
}

type unitState struct{ enabled, active, needsReload bool }

func (s Systemd) state() (unitState, error) {
	if !s.Online {
		link, err := files.Exists(filepath.Join(s.directory(), "timers.target.wants", timerUnit))
		return unitState{enabled: link, active: true}, err
	}
	// show answers for units that do not exist too, and its exit code is 0 then; is-enabled and is-active mix answer
	// and error in theirs.
	output, err := s.systemctl("show", "--property=ActiveState,UnitFileState,NeedDaemonReload", timerUnit, serviceUnit)
	if err != nil {
		return unitState{}, err
	}
	timer, _, _ := strings.Cut(output, "\n\n")
	return unitState{
		enabled:     hasLine(timer, "UnitFileState=enabled"),
		active:      hasLine(timer, "ActiveState=active"),
		needsReload: hasLine(output, "NeedDaemonReload=yes"),
	}, nil
}

func hasLine(text, line string) bool { return strings.Contains("\n"+text+"\n", "\n"+line+"\n") }

func (s Systemd) activate() error {
	steps := [][]string{{"daemon-reload"}, {"enable", timerUnit}, {"restart", timerUnit}}
	if !s.Online {
		steps = [][]string{{"--root=" + s.Root, "enable", timerUnit}}
	}
	for _, step := range steps {
		if _, err := s.systemctl(step...); err != nil {
			return err
		}
	}
	return nil
}

// Remove implements Scheduler. Files of other people, such as drop-ins, stay.
func (s Systemd) Remove(check bool) ([]string, error) {
	present := []string{}
	for _, path := range s.traces() {
		exists, err := files.Exists(path)
		if err != nil {
			return nil, err
		}
		if exists {
			present = append(present, path)
		}
	}
	changes := make([]string, 0, len(present))
	for _, path := range present {
		changes = append(changes, "remove "+path)
	}
	if check || len(present) == 0 {
		return changes, nil
	}
	if err := s.deactivate(); err != nil {
		return nil, err
	}
	for _, path := range present {
		if _, err := files.RemoveIfPresent(path); err != nil {
			return nil, err
		}
		if path == s.stamp() {
			// systemd made this directory for the first stamp, perhaps ours; it goes only if that was the last one,
			// which is what the error would say.
			_ = os.Remove(filepath.Dir(path))
		}
	}
	if !s.Online {
		return changes, nil
	}
	_, err := s.systemctl("daemon-reload")
	return changes, err
}

// traces are all files that Ensure and systemd itself make for the two units.
func (s Systemd) traces() []string {
	service, timer := filepath.Join(s.directory(), serviceUnit), filepath.Join(s.directory(), timerUnit)
	return []string{
		service, timer, files.TemporaryName(service), files.TemporaryName(timer), s.stamp(),
		filepath.Join(s.directory(), "timers.target.wants", timerUnit),
	}
}

func (s Systemd) deactivate() error {
	if !s.Online {
		_, err := s.systemctl("--root="+s.Root, "disable", timerUnit)
		return err
	}
	output, err := s.systemctl("show", "--property=LoadState", timerUnit, serviceUnit)
	if err != nil {
		return err
	}
	timer, service, _ := strings.Cut(output, "\n\n")
	if !hasLine(timer, "LoadState=not-found") {
		if _, err := s.systemctl("disable", "--now", timerUnit); err != nil {
			return err
		}
	}
	if hasLine(service, "LoadState=not-found") {
		return nil
	}
	if _, err := s.systemctl("stop", serviceUnit); err != nil {
		return err
	}
	// Only a failed unit stays loaded with nothing behind its name; systemd may have unloaded a sound one by now, and
	// refuses to reset what it does not have.
	state, err := s.systemctl("show", "--property=ActiveState", serviceUnit)
	if err != nil || !hasLine(state, "ActiveState=failed") {
		return err
	}
	_, err = s.systemctl("reset-failed", serviceUnit)
	return err
}

// Outside implements Scheduler: in a passing unit, which is begun again when it is killed and leaves no trace of itself.
func (s Systemd) Outside(arguments ...string) error {
	if !s.Online {
		return nil // There is no job to be outside of, and nothing is started in an image.
	}
	if state, err := s.systemctl("show", "--property=ActiveState", outsideUnit); err != nil ||
		!hasLine(state, "ActiveState=inactive") && !hasLine(state, "ActiveState=failed") {
		return err
	}
	_, err := call(systemdHint, s.Run, append([]string{
		"--quiet", "--no-block", "--collect", "--unit=" + outsideUnit,
		"--property=Restart=on-failure", fmt.Sprintf("--property=RestartSec=%d", int(outsideRetry.Seconds())),
		"--property=StartLimitIntervalSec=0", config.Agent,
	}, arguments...)...)
	return err
}

func (s Systemd) systemctl(arguments ...string) (string, error) {
	return call(systemdHint, s.Systemctl, arguments...)
}
