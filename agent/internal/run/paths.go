package run

import (
	"fmt"
	"runtime"
	"slices"

	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/sources"
)

// plan is what the plan's paths are on this machine at the start of a run.
type plan struct {
	sources  []sources.Source
	mounts   mounts.Table
	baseline map[string]report.PathMemory
	places   []string
}

func (t task) survey() (found plan, notes []string) {
	// First, so that a file system that is mounted when somebody looks at it is mounted.
	resolved := sources.Resolve(t.orders.Plan.Paths)
	table, err := mounts.Read()
	if err != nil {
		// What it would have named is read like everything else, until the deadline.
		notes = append(notes, fmt.Sprintf("the mounts of this machine cannot be read, so no file system is excluded for"+
			" its type: %v", err))
	}
	baseline := sources.Accept(t.remembered.Paths, t.orders.Plan.Accepted)
	return plan{resolved, table, baseline, sources.Places(resolved, table, baseline)}, notes
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

// judgedPaths are what each path of a plan gave.
type judgedPaths struct {
	// reported are those that a report tells of, of count in all.
	reported []report.Path
	count    int
	// remembered are the good ones, nil when the paths were not judged.
	remembered map[string]report.PathMemory
}

// judgePaths says what each path gave, and tells the machine's journal of those that are not good. Both counts and
// unreadable are empty when restic was not started.
func (t task) judgePaths(plan plan, counts map[string]sources.Count, unreadable []string) judgedPaths {
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
			t.log("%s", result.Journal())
		}
	}
	return judgedPaths{report.ChoosePaths(paths), len(paths), remembered}
}
