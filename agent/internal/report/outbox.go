package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"coffre.invalid/agent/internal/files"
)

// pendingLimit is how many undelivered reports are kept; the oldest go first. A machine that has been cut off for most
// of a year has other news.
const pendingLimit = 300

// Outbox numbers and seals reports, and keeps them on the machine until they are delivered. One run at a time uses it;
// Deliver alone needs no lock. No number ever stands for two reports: one counts as used once it is in the history, and
// is given away only after that.
type Outbox struct {
	LastReport string
	Pending    string
	History    string
	Floor      string
	Sealer     Sealer

	remembered History
}

// Recover reads what this machine remembers, which Remembered gives then, completes what a kill has cut short, and
// numbers and seals reports that an agent of before has left in clear. The note is for the report.
func (o *Outbox) Recover(tenantID, machine string) (note string, err error) {
	o.remembered, note = ReadHistory(o.History, tenantID, machine)
	names, err := o.list(sealedSuffix)
	if err != nil {
		return note, err
	}
	used := o.remembered.Number
	for _, name := range names {
		used = max(used, numberOf(name))
	}
	if used > o.remembered.Number {
		o.remembered.Number = used
		if err := o.remembered.write(o.History); err != nil {
			return note, err
		}
	}
	return note, o.adopt(names)
}

// Remembered is what Recover has found and Keep has added.
func (o *Outbox) Remembered() History { return o.remembered }

// Keep numbers the report, writes it sealed among the pending ones, and in clear as the last one: whoever may read that
// file is root on this machine. The paths are remembered with it, nil to go on with what is; one with the number 0 is of
// this report. When it could not be kept the report has the number 0, and isPending is false.
func (o *Outbox) Keep(report *Report, paths map[string]PathMemory) (isPending bool, err error) {
	following := o.remembered
	following.Number = max(following.Number, ReadFloor(o.Floor)) + 1
	if report.SnapshotID != nil {
		following.SnapshotID, following.SnapshotAt = *report.SnapshotID, report.StartedAt
		snapshotFiles := report.FilesProcessed
		following.SnapshotFiles = &snapshotFiles
	}
	if paths != nil {
		following.Paths = numbered(paths, following.Number)
	}
	report.Number = following.Number
	if err := o.keepSealed(*report, following); err != nil {
		report.Number = 0
		return false, err
	}
	o.remembered = following
	body, err := report.Encode()
	if err == nil {
		err = files.WriteAtomic(o.LastReport, body, 0o600)
	}
	return true, err
}

func numbered(paths map[string]PathMemory, number int64) map[string]PathMemory {
	all := make(map[string]PathMemory, len(paths))
	for path, memory := range paths {
		if memory.Number == 0 {
			memory.Number = number
		}
		all[path] = memory
	}
	return all
}

// Seal is the report as it is stored, under its own key.
func (o *Outbox) Seal(report Report) (key string, document []byte, err error) {
	key = Prefix + o.Sealer.Name(report)
	body, err := report.Encode()
	if err != nil {
		return key, nil, err
	}
	document, err = o.Sealer.Seal(key, body)
	return key, document, err
}

// keepSealed has both on the disk, the report and the number, or neither.
func (o *Outbox) keepSealed(report Report, following History) error {
	_, document, err := o.Seal(report)
	if err != nil {
		return err
	}
	if err := files.EnsurePrivateDirectory(o.Pending); err != nil {
		return err
	}
	path := filepath.Join(o.Pending, o.Sealer.Name(report))
	err = files.WriteAtomic(path, document, 0o600)
	if err == nil {
		err = following.write(o.History)
	}
	if err != nil {
		_, removeErr := files.RemoveIfPresent(path)
		return errors.Join(err, removeErr)
	}
	return nil
}

// adopt seals the reports that an agent of before has left in clear. One that is no report is dropped.
func (o *Outbox) adopt(sealedNames []string) error {
	names, err := o.list(plainSuffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(o.Pending, name)
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var report Report
		isNew := json.Unmarshal(body, &report) == nil && invocationID.MatchString(report.RunID) &&
			!slices.ContainsFunc(sealedNames, func(each string) bool { return strings.Contains(each, report.RunID) })
		if isNew {
			following := o.remembered
			following.Number = max(following.Number, ReadFloor(o.Floor)) + 1
			report.Number = following.Number
			if err := o.keepSealed(report, following); err != nil {
				return err
			}
			o.remembered = following
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// Deliver puts every pending report, oldest first, deletes each that was taken, and stops at the first that was not. It
// may run twice: the same report has the same name.
func (o *Outbox) Deliver(ctx context.Context, put func(ctx context.Context, key string, body []byte) error) error {
	names, err := o.list(sealedSuffix)
	if err != nil {
		return err
	}
	for len(names) > pendingLimit {
		if err := os.Remove(filepath.Join(o.Pending, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	for _, name := range names {
		path := filepath.Join(o.Pending, name)
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := put(ctx, Prefix+name, body); err != nil {
			return fmt.Errorf("report %s stays pending: %w", name, err)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outbox) list(suffix string) ([]string, error) {
	entries, err := os.ReadDir(o.Pending)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), suffix) && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// numberOf reads the number that a pending report's name begins with, 0 when it has none.
func numberOf(name string) int64 {
	digits, _, _ := strings.Cut(name, "-")
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
