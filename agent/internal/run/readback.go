package run

import (
	"context"
	"errors"
	"time"

	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/repository"
	"coffre.invalid/agent/internal/storage"
)

// integrity is whether a snapshot can be restored, as far as a look can tell.
type integrity struct {
	state        report.Integrity
	missingPacks int
}

// startReadingBack begins with the repository's key, which is work for as long as restic takes to begin, and returns what
// finishes the look at a snapshot.
func (t task) startReadingBack(ctx context.Context) func(snapshotID string) integrity {
	if t.settings.ReadBack != nil {
		return func(snapshotID string) integrity { return integrity{state: t.settings.ReadBack(snapshotID)} }
	}
	reader := &repository.Reader{
		Store: t.client, Password: t.credentials.RepositoryPassword, Cache: t.settings.Paths.Cache(),
	}
	opened := make(chan error, 1)
	go func() { opened <- reader.Open(ctx) }()
	return func(snapshotID string) integrity {
		found := t.readBack(ctx, reader, <-opened, snapshotID)
		if found.Integrity != report.Whole {
			t.log("%s", found.Integrity.Journal(found.MissingPacks))
			t.log("reading the snapshot back: %v", found.Why)
		}
		return integrity{found.Integrity, found.MissingPacks}
	}
}

// readBack looks again while the storage is away, as long as at the beginning of a run. A look itself may take longer: a
// large index is read whole.
func (t task) readBack(
	ctx context.Context, reader *repository.Reader, opened error, snapshotID string,
) repository.Finding {
	var away time.Duration
	for pause := time.Second; ; pause = min(2*pause, 8*time.Second) {
		if opened != nil && errors.Is(opened, storage.ErrUnreachable) {
			opened = reader.Open(ctx)
		}
		found := repository.Unopened(opened)
		if opened == nil {
			found = reader.Check(ctx, snapshotID)
		}
		isAway := found.Integrity == report.Unchecked && errors.Is(found.Why, storage.ErrUnreachable)
		if !isAway || away >= t.settings.StoragePatience {
			return found
		}
		select {
		case <-ctx.Done():
			return found
		case <-time.After(pause):
			away += pause
		}
	}
}
