package apply

import (
	"errors"
	"os"

	"coffre.invalid/agent/internal/bait"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/units"
)

// Removal is what remove prints.
type Removal struct {
	Changed bool     `json:"changed"`
	Changes []string `json:"changes"`
}

// Remove ends a running backup, takes service and timer away and deletes the agent's state. It needs no configuration,
// may run twice, and leaves the programs and the configuration to whoever installed them.
func Remove(paths config.Paths, scheduler units.Scheduler, check bool) (Removal, error) {
	changes, err := scheduler.Remove(check)
	if err != nil {
		return Removal{}, err
	}
	exists, err := files.Exists(paths.State())
	if err != nil {
		return Removal{}, err
	}
	if exists {
		changes = append(changes, "remove "+paths.State())
		if !check {
			err = removeState(paths)
		}
	}
	return Removal{Changed: len(changes) > 0, Changes: changes}, err
}

// RemoveAll is Remove, and takes configuration and programs away as well, this one included. Secrets go first; the
// schedule goes late, because until then the next run completes what a kill has cut short; programs go last, because
// nothing could complete it without them. It may run twice.
func RemoveAll(paths config.Paths, scheduler units.Scheduler, check bool) (Removal, error) {
	total := Removal{Changes: []string{}}
	take := func(path string) error {
		exists, err := files.Exists(path)
		if err != nil || !exists {
			return err
		}
		total.Changes = append(total.Changes, "remove "+path)
		if check {
			return nil
		}
		return removeTree(path)
	}
	if err := take(paths.Configuration()); err != nil {
		return total, err
	}
	removal, err := Remove(paths, scheduler, check)
	total.Changes = append(total.Changes, removal.Changes...)
	for _, path := range []string{paths.RestoreCommand(), paths.ProgramDirectory()} {
		if err == nil {
			err = take(path)
		}
	}
	total.Changed = len(total.Changes) > 0
	return total, err
}

func removeState(paths config.Paths) error {
	// The service has ended; what still holds the lock was started by hand.
	release, err := lock.Acquire(paths.Lock())
	if errors.Is(err, lock.ErrHeld) {
		return fault.Busy("a backup started by hand is running", "wait until it ends, or stop it, then try again")
	}
	if err != nil {
		return err
	}
	// The bait files lie among the customer's own; only the state knows where. One that cannot be reached keeps nobody.
	baitErr := bait.Keeper{Ledger: paths.Baits()}.Remove()
	return errors.Join(os.RemoveAll(paths.State()), release(), baitErr)
}
