package apply

import (
	"context"
	"encoding/json"
	"time"

	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
)

// CheckInKey is the object that says what this machine has applied last, with which key, and whom it trusts.
const CheckInKey = report.Prefix + ".applied"

// checkInPatience bounds what is only a courtesy.
const checkInPatience = 20 * time.Second

type checkIn struct {
	Version           int       `json:"version"`
	TenantID          string    `json:"tenant_id"`
	Machine           string    `json:"machine"`
	At                time.Time `json:"at"`
	GenerationApplied int64     `json:"generation_applied"`
	AccessKeyID       string    `json:"access_key_id"`
	SigningPublicKey  string    `json:"signing_public_key"`
	AgentVersion      string    `json:"agent_version"`
	Removed           bool      `json:"removed,omitempty"`
}

// checkIn tells the storage what was applied, and returns a note when that was refused: the wall may be reached, and the
// machine is no less as ordered.
func (s *session) checkIn(ctx context.Context, applied orders.Orders) (note string) {
	ctx, cancel := context.WithTimeout(ctx, checkInPatience)
	defer cancel()
	body, err := json.Marshal(checkIn{
		Version: 1, TenantID: s.machine.TenantID, Machine: s.machine.Machine, At: time.Now().UTC().Truncate(time.Second),
		GenerationApplied: applied.Generation, AccessKeyID: s.credentials.AccessKeyID,
		SigningPublicKey: s.machine.SigningPublicKey, AgentVersion: s.Version, Removed: applied.Remove,
	})
	if err == nil {
		err = s.client.Put(ctx, CheckInKey, append(body, '\n'))
	}
	if err != nil {
		return s.credentials.Redact("the storage was not told: " + err.Error())
	}
	return ""
}
