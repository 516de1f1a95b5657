// Package samples picks a few files that a run has backed up and hashes them, so that a drill can compare what it
// restores with what was on the machine.
//
// Candidates come from restic's own per-file messages (--json --verbose): a file named there is in the snapshot,
// whatever the exclude patterns mean, and no second pass over the tree or the repository is needed. Each path of the plan
// gives some, so that a drill tries every one.
package samples

import (
	"crypto/sha256"
	"math/rand/v2"
	"path"
)

// candidateLimit bounds memory; more candidates than samples, because some will have changed or be too large.
const candidateLimit = 400

// placesLimit is how many paths of a plan have a reservoir of their own; those beyond share the last.
const placesLimit = 100

// leastCandidates are kept of each path, however many there are.
const leastCandidates = 20

// Choice keeps candidates of every path of a plan.
type Choice struct {
	of     map[string]*Reservoir
	places []string
}

// NewChoice starts with no candidate of any of these paths.
func NewChoice(runID string, places []string) *Choice {
	choice := &Choice{of: map[string]*Reservoir{}}
	limit := max(leastCandidates, candidateLimit/max(1, len(places)))
	for _, place := range places {
		if len(choice.places) < placesLimit {
			choice.of[place] = newReservoir(runID, limit)
			choice.places = append(choice.places, place)
		}
	}
	return choice
}

// Offer considers one more file of a path; what is of no known path goes to the last. See Reservoir.Offer.
func (c *Choice) Offer(place string, read func() (string, bool)) {
	reservoir, known := c.of[place]
	if !known && len(c.places) > 0 {
		reservoir = c.of[c.places[len(c.places)-1]]
	}
	if reservoir != nil {
		reservoir.Offer(read)
	}
}

// Candidates returns what was kept: one file of each path before a second of any.
func (c *Choice) Candidates() []string {
	var lists [][]string
	longest := 0
	for _, place := range c.places {
		list := c.of[place].Candidates()
		lists, longest = append(lists, list), max(longest, len(list))
	}
	var all []string
	for round := range longest {
		for _, list := range lists {
			if round < len(list) {
				all = append(all, list[round])
			}
		}
	}
	return all
}

// Reservoir keeps a uniform random choice of the paths offered to it, in bounded memory. The same run id and the same
// offers give the same choice.
type Reservoir struct {
	limit   uint64
	random  *rand.Rand
	offered uint64
	kept    []string
}

// NewReservoir starts an empty one.
func NewReservoir(runID string) *Reservoir { return newReservoir(runID, candidateLimit) }

func newReservoir(runID string, limit int) *Reservoir {
	return &Reservoir{limit: uint64(limit), random: rand.New(rand.NewChaCha8(sha256.Sum256([]byte(runID))))}
}

// Offer considers one more path. It is only asked for, by calling read, when it is chosen: most of a million are not.
func (r *Reservoir) Offer(read func() (string, bool)) {
	slot := int(r.offered)
	if r.offered >= r.limit {
		slot = int(r.random.Uint64N(r.offered + 1))
	}
	r.offered++
	if slot >= int(r.limit) {
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
