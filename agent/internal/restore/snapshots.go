package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/text"
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
	Summary struct {
		TotalBytes uint64 `json:"total_bytes_processed"`
	} `json:"summary"`
}

var fullID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// isPossible says whether a snapshot's id and time are what an honest machine writes.
func (s Snapshot) isPossible(now time.Time) bool {
	return fullID.MatchString(s.ID) && !s.Time.Before(earliest) && !s.Time.After(now.Add(24*time.Hour))
}

// words names a snapshot in a message.
func (s Snapshot) words(zone *time.Location) string {
	return fmt.Sprintf("la sauvegarde %s du %s", s.ID[:8], formatDate(s.Time.In(zone)))
}

// snapshots returns this machine's backups, oldest first, and how many were set aside because they cannot be true.
func (r *repository) snapshots(ctx context.Context) (found []Snapshot, aside int, err error) {
	var said strings.Builder
	err = r.run(ctx, r.restic("snapshots", "--json"), start, func(line []byte) error {
		if said.Len()+len(line) > listLimit {
			return unreadableList()
		}
		said.Write(line)
		return nil
	})
	if err != nil {
		return nil, 0, explainListing(err, "la liste des sauvegardes")
	}
	found, aside, err = readSnapshots([]byte(said.String()), time.Now())
	return found, aside, err
}

func unreadableList() error {
	return fault.Failed("la liste des sauvegardes n'a pas pu être lue", askSmileo)
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

// find returns the backup that is meant: the newest, or the one whose id begins so.
func (r *repository) find(ctx context.Context, wanted string, zone *time.Location) (Snapshot, error) {
	all, _, err := r.snapshots(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return choose(all, wanted, zone)
}

func choose(all []Snapshot, wanted string, zone *time.Location) (Snapshot, error) {
	if len(all) == 0 {
		return Snapshot{}, fault.Usage("cette machine n'a encore aucune sauvegarde", "")
	}
	newest := all[len(all)-1]
	if wanted == "derniere" || wanted == "dernière" {
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
	problem := "aucune sauvegarde ne commence par « %s »"
	if len(found) > 1 {
		problem = "plusieurs sauvegardes commencent par « %s »"
	}
	return Snapshot{}, fault.Usage(fmt.Sprintf(problem, text.Line(wanted, messageLimit)), fmt.Sprintf(
		"« %s liste » les affiche ; la dernière est %s, du %s.", Name, newest.ID[:8], formatDate(newest.Time.In(zone))))
}
