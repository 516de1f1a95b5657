package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
)

// probeKey is the object that is written to learn whether anything may be written.
const probeKey = report.Prefix + ".probe"

// snapshotPrefix is where restic keeps an object for each snapshot, named by its id.
const snapshotPrefix = "restic/snapshots/"

// answers are what the storage said before restic starts.
type answers struct {
	door gate.Gate
	// clockOffset is this machine's clock minus the storage's in seconds, nil when that is not known.
	clockOffset *float64
	// generation is that of the orders on the storage, 0 when there are none that may be obeyed.
	generation int64
	// missing is this machine's own last snapshot when the storage does not have it any more, nil usually.
	missing *snapshot
	notes   []string
}

type snapshot struct {
	id string
	at time.Time
}

// ask asks the storage what it has to say before restic starts: gate, orders, waiting reports, and whether anything can be
// written at all. What was answered before an error is returned with it.
func (r run) ask(ctx context.Context, access access, applied orders.Document, memory memory) (answers, error) {
	var found answers
	err := r.waitForGate(ctx, access.client, &found)
	found.clockOffset = r.readClock(access.client).offsetSeconds
	if err != nil {
		return found, err
	}
	generation, notes, err := r.lookAtOrders(ctx, access, applied)
	found.generation, found.notes = generation, append(found.notes, notes...)
	if err != nil {
		return found, err
	}
	r.deliver(ctx, access, memory)
	found.missing, err = findMissing(ctx, access.client, memory.history)
	if found.missing != nil {
		found.notes = append(found.notes, fmt.Sprintf("the last snapshot of this machine, %.8s of %s, is no longer"+
			" in the storage", found.missing.id, found.missing.at.Format(time.RFC3339)))
	}
	if err != nil || found.door.Closed {
		return found, err
	}
	return found, r.probe(ctx, access.client)
}

// waitForGate reads the gate, and reads it again while it is closed for maintenance, up to a limit: the document is not
// signed, so it may say so for ever.
func (r run) waitForGate(ctx context.Context, client *storage.Client, found *answers) error {
	until := time.Now().Add(r.settings.MaintenancePatience)
	for {
		err := storage.Retry(ctx, r.settings.StoragePatience, func(ctx context.Context) (err error) {
			found.door, found.notes, err = readGate(ctx, client)
			return err
		})
		isWaiting := err == nil && found.door.Closed && found.door.Reason == gate.ReasonMaintenance
		if !isWaiting || !time.Now().Before(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(r.settings.MaintenancePause):
		}
	}
}

// probe writes something, which is not empty: an empty object fits under a full quota.
func (r run) probe(ctx context.Context, client *storage.Client) error {
	return client.Put(ctx, probeKey, []byte(`{"run_id":"`+r.id+`"}`))
}

// readGate returns the gate; absent is open, and so, with a note, is one that cannot be read: it is the bucket's policy
// that really stops a machine.
func readGate(ctx context.Context, client *storage.Client) (door gate.Gate, notes []string, err error) {
	body, err := client.Get(ctx, gate.Key, gate.LimitBytes)
	if errors.Is(err, storage.ErrNoSuchKey) {
		return gate.Gate{}, nil, nil
	}
	if err != nil {
		return gate.Gate{}, nil, err
	}
	door, err = gate.Parse(body)
	if err != nil {
		notes = append(notes, err.Error())
	}
	return door, notes, nil
}

// findMissing returns this machine's own last snapshot when the storage does not have it any more. The run goes on: what
// it saves now is worth the more.
func findMissing(ctx context.Context, client *storage.Client, last report.History) (*snapshot, error) {
	if last.SnapshotID == "" {
		return nil, nil
	}
	isThere, err := client.Exists(ctx, snapshotPrefix+last.SnapshotID)
	if errors.Is(err, storage.ErrUnreachable) || ctx.Err() != nil {
		return nil, err
	}
	// A suspended machine reads nothing of its repository: that says nothing of the snapshot.
	if err != nil || isThere {
		return nil, nil
	}
	return &snapshot{last.SnapshotID, last.SnapshotAt}, nil
}

// clock is this machine's clock minus the storage's, nil when no server answered, and when the machine started by the
// clock that this is the offset of: it may have been set since the run began.
type clock struct {
	offsetSeconds *float64
	bootedAt      *time.Time
}

// readClock reads nothing new from the storage: each answer has brought the time. client is nil when there is none.
func (r run) readClock(client *storage.Client) clock {
	if client == nil {
		return clock{}
	}
	offset, known := client.ClockOffsetSeconds()
	if !known {
		return clock{}
	}
	return clock{&offset, identity.BootedAt(r.settings.Paths.Root)}
}
