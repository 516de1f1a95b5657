package run

import (
	"context"
	"errors"

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
		openErr := <-opened
		var found repository.Finding
		err := storage.Retry(ctx, r.settings.StoragePatience, func(ctx context.Context) error {
			if openErr != nil && errors.Is(openErr, storage.ErrUnreachable) {
				openErr = reader.Open(ctx)
			}
			if openErr != nil {
				return openErr
			}
			found = reader.Check(ctx, snapshotID)
			if found.Integrity == report.Unchecked {
				return found.Why
			}
			return nil
		})
		if found.Integrity == "" {
			found.Integrity = repository.Unopened(err)
		}
		if found.Why == nil {
			found.Why = err
		}
		if found.Integrity != report.Whole {
			r.log("%s", found.Integrity.Journal(found.MissingPacks))
			r.log("reading the snapshot back: %v", found.Why)
		}
		r.report.Integrity, r.report.MissingPacks = found.Integrity, found.MissingPacks
		return found.Integrity
	}
}
