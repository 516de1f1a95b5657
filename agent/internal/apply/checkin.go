package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
)

// CheckInKey is the object that says what this machine has applied last, with which key, and whom it trusts. It is
// sealed like a report.
const CheckInKey = report.Prefix + ".applied"

// checkInPatience bounds what is only a courtesy.
const checkInPatience = 20 * time.Second

// Seen are the newest numbers of this machine's reports and check-ins that SMILÉO has seen, 0 when none: a machine that
// has lost its memory goes on above them.
type Seen struct{ Reports, CheckIns int64 }

// orDelivered takes the numbers of the last delivery into account: nobody else tells them to a machine that no deployment
// reaches.
func (s Seen) orDelivered(paths config.Paths) Seen {
	record, _ := delivery.ReadRecord(paths)
	return Seen{Reports: max(s.Reports, record.ReportsAfter), CheckIns: max(s.CheckIns, record.CheckInsAfter)}
}

type checkIn struct {
	Version           int       `json:"version"`
	Number            int64     `json:"number"`
	TenantID          string    `json:"tenant_id"`
	Machine           string    `json:"machine"`
	At                time.Time `json:"at"`
	GenerationApplied int64     `json:"generation_applied"`
	AccessKeyID       string    `json:"access_key_id"`
	SigningPublicKey  string    `json:"signing_public_key"`
	AgentVersion      string    `json:"agent_version"`
	// AgentSHA256 is of the installed program, empty when that cannot be read. Who says it takes programs by deliveries.
	AgentSHA256 string `json:"agent_sha256,omitempty"`
	Removed     bool   `json:"removed,omitempty"`
	// Delivered is the number of the delivery that this machine's configuration came with, 0 for a deployment.
	Delivered int64             `json:"delivered,omitempty"`
	Identity  identity.Identity `json:"identity"`
}

// nextCheckIn is a number that no check-in of this machine has had.
func nextCheckIn(paths config.Paths, seen Seen) int64 {
	return max(report.ReadFloor(paths.CheckIns()), seen.CheckIns) + 1
}

// resumeReports has reports go on above those that SMILÉO has seen, which is a change on a machine that has forgotten its
// own.
func (s *session) resumeReports(changes []string, check bool) ([]string, error) {
	history, _ := report.ReadHistory(s.Paths.History(), s.machine.TenantID, s.machine.Machine)
	if max(history.Number, report.ReadFloor(s.Paths.ReportFloor())) >= s.Seen.Reports {
		return changes, nil
	}
	changes = append(changes, fmt.Sprintf("reports: continue after number %d", s.Seen.Reports))
	if check {
		return changes, nil
	}
	return changes, report.WriteFloor(s.Paths.ReportFloor(), s.Seen.Reports)
}

func notTold(err error) string { return "the storage did not get the check-in: " + err.Error() }

// checkIn tells the storage what was applied, and returns a note when that was refused: the wall may be reached, and the
// machine is no less as ordered.
func (s *session) checkIn(ctx context.Context, applied orders.Orders, number int64) (note string) {
	ctx, cancel := context.WithTimeout(ctx, checkInPatience)
	defer cancel()
	record, _ := delivery.ReadRecord(s.Paths) // A lost record is taken for none, and the next delivery is news.
	installed, err := files.SHA256(s.Paths.Agent())
	if err != nil {
		installed = ""
	}
	body, err := json.Marshal(checkIn{
		Version: 1, Number: number, TenantID: s.machine.TenantID, Machine: s.machine.Machine,
		At: time.Now().UTC().Truncate(time.Second), GenerationApplied: applied.Generation,
		AccessKeyID: s.credentials.AccessKeyID, SigningPublicKey: s.machine.SigningPublicKey, AgentVersion: s.Version,
		AgentSHA256: installed, Removed: applied.Remove, Delivered: record.Number, Identity: identity.Read(s.Paths.Root, s.machine.TenantID),
	})
	var sealer report.Sealer
	if err == nil {
		sealer, err = report.NewSealer(s.credentials.RepositoryPassword, s.machine.TenantID, s.machine.Machine)
	}
	if err == nil {
		body, err = sealer.Seal(CheckInKey, body)
	}
	if err == nil {
		err = s.client.Put(ctx, CheckInKey, body)
	}
	if err != nil {
		return s.credentials.Redact(notTold(err))
	}
	return ""
}
