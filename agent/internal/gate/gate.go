// Package gate reads control/gate.json, which says whether this machine may back up now. It is not signed: whoever
// hosts the storage can stop backups anyway.
package gate

import (
	"encoding/json"
	"fmt"

	"coffre.invalid/agent/internal/text"
)

// Key is the object's name in the machine's bucket. An absent object is an open gate.
const Key = "control/gate.json"

// LimitBytes is the largest document that is read.
const LimitBytes = 64 << 10

// ReasonQuota is the reason that makes a closed gate a matter of quota; others (suspended, hold) are failures to
// report.
const ReasonQuota = "quota"

// ReasonMaintenance is the reason of a gate that opens again by itself: SMILÉO removes old backups meanwhile.
const ReasonMaintenance = "maintenance"

// Limits of what is shown of a document that anybody who hosts the storage can write.
const (
	reasonLimit = 200
	sinceLimit  = 40
)

// Gate is open when Closed is false. Reason and Since (RFC 3339 usually) are one short printable line each.
type Gate struct {
	Closed bool   `json:"closed"`
	Reason string `json:"reason"`
	Since  string `json:"since"`
}

// Parse reads the document.
func Parse(body []byte) (Gate, error) {
	var gate Gate
	if err := json.Unmarshal(body, &gate); err != nil {
		return Gate{}, fmt.Errorf("%s is malformed: %w", Key, err)
	}
	gate.Reason, gate.Since = text.Line(gate.Reason, reasonLimit), text.Line(gate.Since, sinceLimit)
	return gate, nil
}

// Sentence says why the gate is closed, for a report.
func (g Gate) Sentence() string {
	sentence := "the storage accepts no backups of this machine"
	switch g.Reason {
	case "":
	case ReasonFilling:
		sentence += ": it fills the storage that all machines share; the others continue"
	case ReasonQuota:
		sentence += ": the quota is reached"
	case ReasonMaintenance:
		sentence += ": SMILÉO removes old backups from it"
	default:
		sentence += ": " + g.Reason
	}
	if g.Since != "" {
		sentence += " (since " + g.Since + ")"
	}
	return sentence
}
