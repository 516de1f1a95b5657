package run

import (
	"coffre.invalid/agent/internal/bait"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
)

// lookAtBait says what became of the bait files, before restic reads them. A plan without them has none.
func (t task) lookAtBait() *report.Bait {
	keeper := bait.Keeper{Ledger: t.settings.Paths.Baits()}
	if t.orders.Plan.NoBait {
		if err := keeper.Remove(); err != nil {
			t.log("bait files: %v", err)
		}
		return nil
	}
	found, err := keeper.Look()
	if err != nil {
		t.log("bait files: %v", err)
	}
	return found
}

// tendBait puts bait files where there is much to lose, and back where they were touched. It comes after the backup: what
// became of a bait is in the snapshot.
func (t task) tendBait(plan plan, remembered map[string]report.PathMemory) {
	if t.orders.Plan.NoBait {
		return
	}
	var folders []string
	for _, source := range plan.sources {
		if source.IsThere && !source.IsRefused && remembered[source.Path].Files >= bait.MinimumFiles {
			folders = append(folders, source.Real)
		}
	}
	if err := (bait.Keeper{Ledger: t.settings.Paths.Baits()}).Tend(folders); err != nil {
		t.log("bait files: %v", err)
	}
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
