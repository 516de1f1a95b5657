package run

import (
	"runtime"
	"slices"

	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/sources"
)

// plan is what the plan's paths are on this machine at the start of a run.
type plan struct {
	sources  []sources.Source
	mounts   mounts.Table
	baseline map[string]report.PathMemory
	places   []string
}

func (r *run) survey() plan {
	// First, so that a file system that is mounted when somebody looks at it is mounted.
	found := sources.Resolve(r.orders.Plan.Paths)
	table, err := mounts.Read()
	if err != nil {
		// What it would have named is read like everything else, until the deadline.
		r.note("what is mounted on this machine cannot be read, so nothing is left out for its kind: %v", err)
	}
	baseline := sources.Accept(r.outbox.Remembered().Paths, r.orders.Plan.Accepted)
	return plan{found, table, baseline, sources.Places(found, table, baseline)}
}

func (p plan) targets() []string { return sources.Targets(p.sources) }

func (p plan) hasAny() bool { return len(p.targets()) > 0 }

func (p plan) realPaths() []string {
	var paths []string
	for _, source := range p.sources {
		paths = append(paths, source.Real)
	}
	return paths
}

// judgePaths reports what each path gave, has the good ones remembered, and tells the machine's journal of the others.
func (r *run) judgePaths(plan plan, counts map[string]sources.Count, transcript *restic.Transcript) {
	unreadable, _ := transcript.Unreadable()
	facts := sources.Facts{
		Counts: counts, Mounts: plan.mounts, HasFiles: sources.HasFiles,
		IsUnreadable: func(path string) bool { return slices.Contains(unreadable, path) },
		Snapshot:     func(path string) string { return sources.StoredAs(path, runtime.GOOS) },
	}
	remembered := map[string]report.PathMemory{}
	var paths []report.Path
	for _, source := range plan.sources {
		var baseline *report.PathMemory
		if known, isKnown := plan.baseline[source.Path]; isKnown {
			baseline = &known
		}
		result, memory := sources.Judge(source, baseline, facts)
		paths = append(paths, result)
		if memory != nil {
			remembered[source.Path] = *memory
		}
		if !result.State.IsGood() {
			r.log("%s", result.Journal())
		}
	}
	r.report.Paths, r.report.PathsCount = report.ChoosePaths(paths), len(paths)
	r.outbox.Paths = remembered
}
