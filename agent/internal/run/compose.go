package run

import (
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/report"
)

// compose makes the report of what a run found. It looks at nothing else, so that the report says what the verdict is
// based on.
func (r run) compose(found findings) report.Report {
	made := report.Report{
		Version: 1, TenantID: r.machine.TenantID, Machine: r.machine.Machine, RunID: r.id, StartedAt: r.startedAt,
		FinishedAt: found.finishedAt, Result: found.verdict.result, Message: r.message(found),
		AgentVersion: r.settings.Version, AccessKeyID: r.credentials.AccessKeyID, OrdersSeenAt: found.sighting.at,
		ClockOffsetSeconds: found.clock.offsetSeconds,
	}
	self := r.identity
	if found.clock.offsetSeconds != nil {
		self.BootedAt = found.clock.bootedAt
	}
	made.Identity = &self
	if missing := found.storage.missing; missing != nil {
		made.MissingSnapshotID, made.MissingSnapshotAt = &missing.id, &missing.at
	}
	reportOrders(&made, found.orders, found.storage.generation)
	reportBackup(&made, found.backup)
	return made
}

func reportOrders(made *report.Report, found inForce, onStorage int64) {
	if found.document == nil {
		return
	}
	given := found.document.Orders
	made.ResticVersion = given.Restic.Version
	made.GenerationApplied, made.GenerationSeen = given.Generation, max(given.Generation, onStorage)
	if failure := found.failure; failure != nil {
		made.FailedGeneration, made.FailedGenerationReason = &failure.Generation, failure.Reason
		made.GenerationSeen = max(made.GenerationSeen, failure.Generation)
	}
}

func reportBackup(made *report.Report, found backup) {
	made.ResticExitCode = found.facts.outcome.ExitCode
	if summary := found.summary; summary != nil {
		made.SnapshotID = &summary.SnapshotID
		made.BytesAdded, made.BytesNew = summary.DataAddedPacked, summary.DataAdded
		made.BytesProcessed = summary.TotalBytesProcessed
		made.FilesProcessed = summary.TotalFilesProcessed
		made.UploadBytesPerSecond = uploadRate(summary.DataAddedPacked, found.took)
	}
	made.Unreadable, made.UnreadableCount = found.unreadable, found.facts.unreadable
	made.Paths, made.PathsCount = found.paths.reported, found.paths.count
	made.Integrity, made.MissingPacks = found.facts.integrity, found.missingPacks
	made.Samples = found.samples
	made.Changes, made.Bait = found.changes, found.bait
}

// measuredBytes is the least that a run must store to tell how fast the line is: less is gone in the seconds in which restic
// starts, and reads what has not changed.
const measuredBytes = 16 << 20

// uploadRate is how many bytes a second restic has stored, nil when that says nothing about the line.
func uploadRate(stored uint64, took time.Duration) *int64 {
	if stored < measuredBytes || took <= 0 {
		return nil
	}
	rate := int64(min(float64(stored)/took.Seconds(), 1<<52))
	return &rate
}

// message is the verdict's own, and after it what the steps had to say that did not decide the result.
func (r run) message(found findings) string {
	parts := slices.Concat(nonEmpty(found.verdict.message), found.memory.notes, found.orders.notes, found.storage.notes,
		found.backup.notes, found.sighting.notes)
	return shorten(r.credentials.Redact(strings.Join(parts, "; ")))
}
