package run

import (
	"context"
	"errors"
	"time"

	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/repository"
	"coffre.invalid/agent/internal/storage"
)

// startReadingBack begins with the repository's key, which is work for as long as restic takes to begin, and returns what
// finishes: whether a snapshot can be restored as far as a look can tell.
func (r *run) startReadingBack(ctx context.Context) func(snapshotID string) report.Integrity {
	if r.settings.ReadBack != nil {
		return r.settings.ReadBack
	}
	reader := &repository.Reader{
		Store: r.client, Password: r.credentials.RepositoryPassword, Cache: r.settings.Paths.Cache(),
	}
	opened := make(chan error, 1)
	go func() { opened <- reader.Open(ctx) }()
	return func(snapshotID string) report.Integrity {
		found := r.readBack(ctx, reader, <-opened, snapshotID)
		if found.Integrity != report.Whole {
			r.log("%s", found.Integrity.Journal(found.MissingPacks))
			r.log("reading the snapshot back: %v", found.Why)
		}
		r.report.Integrity, r.report.MissingPacks = found.Integrity, found.MissingPacks
		return found.Integrity
	}
}

// readBack looks again while the storage is away, as long as at the beginning of a run. A look itself may take longer: a
// large index is read whole.
func (r *run) readBack(
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
		if !isAway || away >= r.settings.StoragePatience {
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
