package sources

import (
	"coffre.invalid/agent/internal/mounts"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
)

// Facts are all that is known of a run when its paths are judged.
type Facts struct {
	// Counts are of every path that Places named.
	Counts map[string]Count
	Mounts mounts.Table
	// IsUnreadable says that restic could not read a path itself.
	IsUnreadable func(path string) bool
	// HasFiles looks for a file in a path that gave none.
	HasFiles func(path string) bool
	// Snapshot names a path as the snapshot does.
	Snapshot func(path string) string
}

// Places are the paths to count: what is backed up, and the mounts in it, those of the last good run as well.
func Places(sources []Source, table mounts.Table, remembered map[string]report.PathMemory) []string {
	var places []string
	known := map[string]bool{}
	add := func(path string) {
		if !known[path] {
			known[path] = true
			places = append(places, path)
		}
	}
	for _, source := range sources {
		add(source.Real)
		for _, point := range table.LastingIn(source.Real) {
			add(point)
		}
		for _, mount := range remembered[source.Path].Below {
			add(mount.Point)
		}
	}
	return places
}

// Accept returns what a run is compared with: what the last good one gave, or what SMILÉO has since accepted instead.
func Accept(remembered map[string]report.PathMemory, accepted []orders.Accepted) map[string]report.PathMemory {
	baseline := make(map[string]report.PathMemory, len(remembered))
	for path, memory := range remembered {
		baseline[path] = memory
	}
	for _, word := range accepted {
		if word.Number > baseline[word.Path].Number {
			baseline[word.Path] = report.PathMemory{Number: word.Number, Files: word.Files, Bytes: word.Bytes}
		}
	}
	return baseline
}

// Judge says what one path gave and whether it should have given more, and what to remember of it: what the baseline says
// until a run was good. A run compares with a nil baseline when no good one is known.
func Judge(source Source, baseline *report.PathMemory, facts Facts) (report.Path, *report.PathMemory) {
	count := facts.Counts[source.Real]
	result := report.Path{
		Path: source.Path, Files: count.Files, Bytes: count.Bytes, StoredAs: facts.Snapshot(source.Real),
		State: report.PathSaved,
	}
	if baseline != nil {
		result.FilesBefore, result.BytesBefore = &baseline.Files, &baseline.Bytes
		if gone := facts.findUnmounted(source, *baseline); gone != "" {
			result.State, result.MountPoint = report.PathUnmounted, gone
			return result, baseline
		}
	}
	result.State = facts.state(source, count, baseline)
	if result.State != report.PathSaved {
		return result, baseline
	}
	memory := report.PathMemory{Files: count.Files, StoredAs: result.StoredAs}
	if count.Bytes != nil {
		memory.Bytes = *count.Bytes
	} else if baseline != nil {
		memory.Bytes = baseline.Bytes
	}
	memory.Mount, memory.Below = facts.mountsOf(source)
	return result, &memory
}

func (f Facts) state(source Source, count Count, baseline *report.PathMemory) report.PathState {
	switch {
	case source.IsRefused:
		return report.PathLinkRefused
	case count.Files == 0 && f.IsUnreadable(source.Real):
		return report.PathUnreadable
	case count.Files == 0 && source.IsThere && f.HasFiles(source.Real):
		return report.PathExcluded
	case count.Files == 0 && baseline != nil && baseline.Files == 0:
		return report.PathAccepted // Nothing is remembered as good only on SMILÉO's word.
	case !source.IsThere:
		return report.PathMissing
	case count.Files == 0:
		return report.PathEmpty
	case baseline != nil && hasShrunk(count, *baseline):
		return report.PathShrunk
	}
	return report.PathSaved
}

// shrunkTo is the part of the last good run below which a path has fallen to nearly nothing.
const shrunkTo = 10

// leastBytes is what a path has to have given for its bytes alone to tell: small files are rewritten shorter every day.
const leastBytes = 1 << 20

func hasShrunk(count Count, before report.PathMemory) bool {
	return count.Files < before.Files/shrunkTo ||
		(count.Bytes != nil && before.Bytes >= leastBytes && *count.Bytes < before.Bytes/shrunkTo)
}

// findUnmounted names the file system that a path lay on, or that held part of its files, and that is not mounted now.
func (f Facts) findUnmounted(source Source, before report.PathMemory) string {
	if !f.Mounts.IsKnown() {
		return ""
	}
	// A link that leads elsewhere now is judged by what it gives.
	isSame := before.StoredAs == f.Snapshot(source.Real)
	if lay := before.Mount; lay != nil && isSame && !f.Mounts.Has(lay.Point) &&
		f.Mounts.Identity(source.Real) != lay.Identity {
		return lay.Point
	}
	for _, mount := range before.Below {
		isGone := !f.Mounts.Has(mount.Point) && f.Mounts.Identity(mount.Point) != mount.Identity
		if isGone && f.Counts[mount.Point].Files < mount.Files {
			return mount.Point
		}
	}
	return ""
}

func (f Facts) mountsOf(source Source) (*report.MountMemory, []report.MountMemory) {
	lies, known := f.Mounts.At(source.Real)
	if !known {
		return nil, nil
	}
	var below []report.MountMemory
	for _, point := range f.Mounts.LastingIn(source.Real) {
		if files := f.Counts[point].Files; files > 0 {
			below = append(below, report.MountMemory{Point: point, Identity: f.Mounts.Identity(point), Files: files})
		}
	}
	return &report.MountMemory{Point: lies.Point, Identity: f.Mounts.Identity(source.Real)}, below
}
