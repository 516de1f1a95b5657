package run

import (
	"os"

	"coffre.invalid/agent/internal/bait"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/sources"
)

// TendBaits puts bait files where there is much to lose, and back where the last run told of a change; a plan without them
// has none. It comes before a run and outside its sandbox, in which nothing of the customer's can be written. A backup
// never waits for it: while one runs, nothing is done.
func TendBaits(paths config.Paths) error {
	machine, _, err := config.Load(paths)
	if err != nil {
		return err
	}
	release, err := lock.Acquire(paths.Lock())
	if err != nil {
		return err
	}
	defer func() { _ = release() }() // It ends with this process at the latest.
	body, err := os.ReadFile(paths.Applied())
	if err != nil {
		return err
	}
	document, err := orders.ReadApplied(body)
	if err != nil || document.Orders.Remove {
		return err
	}
	keeper := bait.Keeper{Ledger: paths.Baits()}
	if document.Orders.Plan.NoBait {
		return keeper.Remove()
	}
	history, _ := report.ReadHistory(paths.History(), machine.TenantID, machine.Machine)
	var folders []string
	for _, source := range sources.Resolve(document.Orders.Plan.Paths) {
		if source.IsThere && !source.IsRefused && history.Paths[source.Path].Files >= bait.MinimumFiles {
			folders = append(folders, source.Real)
		}
	}
	return keeper.Tend(folders)
}

// lookAtBait says what became of the bait files, before restic reads them. A plan without them has none.
func (t task) lookAtBait() *report.Bait {
	if t.orders.Plan.NoBait {
		return nil
	}
	found, err := bait.Keeper{Ledger: t.settings.Paths.Baits()}.Look()
	if err != nil {
		t.log("bait files: %v", err)
	}
	return found
}

// compare counts the files against those of the snapshot before. Restic does not count what is gone: it is what that
// snapshot had more than restic found again.
func (t task) compare(summary restic.Summary, incompressible restic.Incompressible) *report.Changes {
	if !summary.HasParent() {
		return nil
	}
	found := report.Changes{
		FilesNew: summary.FilesNew, FilesChanged: summary.FilesChanged, FilesUnmodified: summary.FilesUnmodified,
		FilesIncompressible: incompressible.Files, BytesLarge: incompressible.LargeNewBytes,
	}
	if before := t.remembered.SnapshotFiles; before != nil {
		removed := *before - min(*before, summary.FilesChanged+summary.FilesUnmodified)
		found.FilesRemoved = &removed
	}
	return &found
}
