package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coffre.invalid/agent/internal/files"
)

// pendingLimit is how many undelivered reports are kept; the oldest go first. A machine that has been cut off for most
// of a year has other news.
const pendingLimit = 300

// Outbox keeps reports on the machine until they are delivered.
type Outbox struct {
	LastReport string
	Pending    string
}

// Keep writes the report as the last one and among the pending ones.
func (o Outbox) Keep(report Report) error {
	body, err := report.Encode()
	if err != nil {
		return err
	}
	if err := files.EnsurePrivateDirectory(o.Pending); err != nil {
		return err
	}
	// Pending first: who sees the last report may rely on its being delivered some day.
	if err := files.WriteAtomic(filepath.Join(o.Pending, report.Name()), body, 0o600); err != nil {
		return err
	}
	return files.WriteAtomic(o.LastReport, body, 0o600)
}

// Deliver puts every pending report, oldest first, deletes each that was taken, and stops at the first that was not. It
// may run twice: the same report has the same name.
func (o Outbox) Deliver(ctx context.Context, put func(ctx context.Context, key string, body []byte) error) error {
	names, err := o.list()
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

func (o Outbox) list() ([]string, error) {
	entries, err := os.ReadDir(o.Pending)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".json") && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}
