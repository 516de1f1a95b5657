// Package samples picks a few files that a run has backed up and hashes them, so that a drill can compare what it
// restores with what was on the machine.
//
// Candidates come from restic's own per-file messages (--json --verbose): a file named there is in the snapshot,
// whatever the exclude patterns mean, and no second pass over the tree or the repository is needed.
package samples

import (
	"crypto/sha256"
	"math/rand/v2"
	"path"
)

// candidateLimit bounds memory; more candidates than samples, because some will have changed or be too large.
const candidateLimit = 400

// Reservoir keeps a uniform random choice of the paths offered to it, in bounded memory. The same run id and the same
// offers give the same choice.
type Reservoir struct {
	random  *rand.Rand
	offered uint64
	kept    []string
}

// NewReservoir starts an empty one.
func NewReservoir(runID string) *Reservoir {
	return &Reservoir{random: rand.New(rand.NewChaCha8(sha256.Sum256([]byte(runID))))}
}

// Offer considers one more path. It is only asked for, by calling read, when it is chosen: most of a million are not.
func (r *Reservoir) Offer(read func() (string, bool)) {
	slot := int(r.offered)
	if r.offered >= candidateLimit {
		slot = int(r.random.Uint64N(r.offered + 1))
	}
	r.offered++
	if slot >= candidateLimit {
		return
	}
	value, usable := read()
	switch {
	case !usable:
	case slot < len(r.kept):
		r.kept[slot] = value
	default:
		r.kept = append(r.kept, value)
	}
}

// Candidates returns what was kept, spread over the tree: one file of each directory before a second of any.
func (r *Reservoir) Candidates() []string {
	byDirectory := map[string][]string{}
	var directories []string
	for _, index := range r.random.Perm(len(r.kept)) {
		name := r.kept[index]
		directory := path.Dir(name)
		if _, seen := byDirectory[directory]; !seen {
			directories = append(directories, directory)
		}
		byDirectory[directory] = append(byDirectory[directory], name)
	}
	spread := make([]string, 0, len(r.kept))
	for round := 0; len(spread) < len(r.kept); round++ {
		for _, directory := range directories {
			if round < len(byDirectory[directory]) {
				spread = append(spread, byDirectory[directory][round])
			}
		}
	}
	return spread
}
