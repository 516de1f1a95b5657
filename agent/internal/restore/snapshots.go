package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/identity"
)

// listLimit bounds the list of snapshots: each has about 1 kB, and a machine keeps some hundreds.
const listLimit = 64 << 20

// earliest is before any backup of this service; a clock that says a later day than tomorrow is wrong or a lie.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Snapshot is one backup of this machine.
type Snapshot struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Paths   []string  `json:"paths"`
	Tags    []string  `json:"tags"`
	Summary struct {
		TotalBytes uint64 `json:"total_bytes_processed"`
	} `json:"summary"`
}

var fullID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// isPossible says whether a snapshot's id and time are what an honest machine writes.
func (s Snapshot) isPossible(now time.Time) bool {
	return fullID.MatchString(s.ID) && !s.Time.Before(earliest) && !s.Time.After(now.Add(24*time.Hour))
}

// isOf says whether the machine with that tag took a snapshot: where nothing says so, it did.
func (s Snapshot) isOf(tag string) bool {
	isOther := func(each string) bool { return strings.HasPrefix(each, identity.TagPrefix) && each != tag }
	return tag == "" || !slices.ContainsFunc(s.Tags, isOther)
}

// words names a snapshot in a message.
func (s Snapshot) words(zone *time.Location) string {
	return fmt.Sprintf(namedBackup, s.ID[:8], formatDate(s.Time.In(zone)))
}

// snapshots returns this machine's backups, oldest first, and how many were set aside because they cannot be true.
func (r *repository) snapshots(ctx context.Context) (found []Snapshot, aside int, err error) {
	var said strings.Builder
	err = r.run(ctx, r.restic("snapshots", "--json"), func(line []byte) error {
		if said.Len()+len(line) > listLimit {
			return unreadableList()
		}
		said.Write(line)
		return nil
	})
	if err != nil {
		return nil, 0, explainListing(err, listOfBackups)
	}
	found, aside, err = readSnapshots([]byte(said.String()), time.Now())
	return found, aside, err
}

// readSnapshots sets aside what an honest machine does not write: one absurd entry must hide no other.
func readSnapshots(said []byte, now time.Time) (found []Snapshot, aside int, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(said, &all); err != nil {
		return nil, 0, unreadableList()
	}
	for _, each := range all {
		var snapshot Snapshot
		if json.Unmarshal(each, &snapshot) != nil || !snapshot.isPossible(now) {
			aside++
			continue
		}
		found = append(found, snapshot)
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Time.Before(found[b].Time) })
	return found, aside, nil
}

// find returns the backup that is meant: the newest, or the one whose id begins so; it says when a newer one is another
// machine's.
func (r *repository) find(ctx context.Context, wanted string, settings Settings) (Snapshot, error) {
	all, _, err := r.snapshots(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	chosen, err := choose(all, wanted, r.tag, settings.Zone)
	if err != nil {
		return Snapshot{}, err
	}
	if newest := all[len(all)-1]; isLast(wanted) && newest.ID != chosen.ID {
		// Nobody is left to tell when the terminal is gone.
		_, _ = fmt.Fprintf(settings.Log, newestLeftAside, newest.words(settings.Zone))
	} else if !chosen.isOf(r.tag) {
		_, _ = fmt.Fprintf(settings.Log, chosenOfOther, chosen.words(settings.Zone))
	}
	return chosen, nil
}

func choose(all []Snapshot, wanted, tag string, zone *time.Location) (Snapshot, error) {
	if len(all) == 0 {
		return Snapshot{}, fault.Usage(noBackup, "")
	}
	newest := newestOf(all, tag)
	if isLast(wanted) {
		return newest, nil
	}
	var found []Snapshot
	for _, each := range all {
		if wanted != "" && strings.HasPrefix(each.ID, strings.ToLower(wanted)) {
			found = append(found, each)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Snapshot{}, notOne(wanted, len(found) > 1, newest, zone)
}

// newestOf returns the last snapshot that this machine took: a copy of its disk may back up under its name. A machine
// that has taken none yet, new hardware for instance, gets the last of all.
func newestOf(all []Snapshot, tag string) Snapshot {
	for _, each := range slices.Backward(all) {
		if each.isOf(tag) {
			return each
		}
	}
	return all[len(all)-1]
}
