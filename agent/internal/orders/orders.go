// Package orders reads control/desired.json, the signed document that says what a machine must do, and decides whether
// it may be obeyed. Whoever hosts the storage can replace that object, so nothing in it counts before its signature.
package orders

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/signed"
)

// Key is the object's name in the machine's bucket.
const Key = "control/desired.json"

// LimitBytes is the largest document that is read.
const LimitBytes = 1 << 20

// longestDeadlineSeconds is a week; a longer run is a mistake.
const longestDeadlineSeconds = 7 * 24 * 3600

// Orders is the signed payload.
type Orders struct {
	Version            int       `json:"version"`
	TenantID           string    `json:"tenant_id"`
	Machine            string    `json:"machine"`
	Generation         int64     `json:"generation"`
	IssuedAt           time.Time `json:"issued_at"`
	Timezone           string    `json:"timezone"`
	Plan               Plan      `json:"plan"`
	Restic             Restic    `json:"restic"`
	RunDeadlineSeconds int       `json:"run_deadline_seconds"`
	Remove             bool      `json:"remove"`
}

// Lasts is how long after their issue orders may be newly applied; SMILÉO renews them when half of it is over. It counts
// from issued_at, so that documents say when they expire as they always did, and agents of any version read them.
const Lasts = 90 * 24 * time.Hour

// ExpiresAt is the moment from which these orders are never newly applied.
func (o Orders) ExpiresAt() time.Time { return o.IssuedAt.UTC().Add(Lasts) }

// HasExpired says whether that moment is over by this machine's own clock: the storage's may lie. A removal never expires,
// because it waits for a machine that nobody reached.
func (o Orders) HasExpired(now time.Time) bool { return !o.Remove && now.After(o.ExpiresAt()) }

// Plan says what is backed up and when.
type Plan struct {
	Paths    []string   `json:"paths"`
	Exclude  []string   `json:"exclude"`
	Schedule []Schedule `json:"schedule"`
	// Accepted is absent unless there is something: an agent of before takes no orders that it does not understand.
	Accepted []Accepted `json:"accepted,omitempty"`
	// NoBait is absent unless the plan does without bait files, for the same reason.
	NoBait bool `json:"no_bait,omitempty"`
}

// Accepted is SMILÉO's word that what the report of this number said of a path is right: later runs compare with that.
type Accepted struct {
	Path   string `json:"path"`
	Number int64  `json:"number"`
	Files  uint64 `json:"files"`
	Bytes  uint64 `json:"bytes"`
}

// Schedule is one time of day, HH:MM, on some days of the week.
type Schedule struct {
	Days []string `json:"days"`
	At   string   `json:"at"`
}

// Restic pins the one program that may be run, by the SHA-256 of its file.
type Restic struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// Identity is who the orders must be for, and whose signature they must carry.
type Identity struct {
	TenantID string
	Machine  string
	Key      ed25519.PublicKey
}

// Document is orders together with the exact bytes that said so.
type Document struct {
	Orders  Orders
	Payload []byte
	Body    []byte
}

const ordersRefused = "if nobody outside SMILÉO changed the storage, run apply for this tenant again"

// Verify reads a document fetched from the storage. Every error is a refusal: the machine keeps its last orders.
func Verify(body []byte, who Identity) (Document, error) {
	envelope, err := signed.Open(body, who.Key)
	if err != nil {
		return Document{}, refuse("%v", err)
	}
	document := Document{Payload: envelope.Payload, Body: body}
	if err := document.parse(); err != nil {
		return Document{}, refuse("%v", err)
	}
	if document.Orders.TenantID != who.TenantID || document.Orders.Machine != who.Machine {
		return Document{}, refuse("it is for %s/%s, this machine is %s/%s", document.Orders.TenantID,
			document.Orders.Machine, who.TenantID, who.Machine)
	}
	return document, nil
}

// ReadApplied reads the machine's own copy of orders applied earlier. Its signature is not looked at again: the file is
// as much in root's hands as the pinned key is, and the key may have been replaced since.
func ReadApplied(body []byte) (Document, error) {
	envelope, err := signed.Read(body)
	document := Document{Payload: envelope.Payload, Body: body}
	if err == nil {
		err = document.parse()
	}
	if err != nil {
		return Document{}, fmt.Errorf("the applied orders are damaged: %w", err)
	}
	return document, nil
}

// IsFor says whether the orders are meant for this tenant's machine.
func (o Orders) IsFor(who Identity) bool {
	return o.TenantID == who.TenantID && o.Machine == who.Machine
}

// Decide says whether fetched orders are news to a machine that obeys applied (nil: none yet). It refuses a generation
// below least, which deployment wrote down, or below the one applied: both would be a replay. It refuses a second document
// of the same generation, and news that have expired: what is applied already stays in force for ever.
func Decide(applied *Document, fetched Document, least int64, now time.Time) (isNew bool, err error) {
	if fetched.Orders.Generation < least {
		return false, refuse("its generation %d is older than %d, the lowest that this machine accepts since its deployment",
			fetched.Orders.Generation, least)
	}
	if applied == nil || fetched.Orders.Generation > applied.Orders.Generation {
		if fetched.Orders.HasExpired(now) {
			return false, refuse("its generation %d expired on %s (this machine's clock says %s)", fetched.Orders.Generation,
				fetched.Orders.ExpiresAt().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
		}
		return true, nil
	}
	if fetched.Orders.Generation < applied.Orders.Generation {
		return false, refuse("its generation %d is older than %d, which this machine has applied already",
			fetched.Orders.Generation, applied.Orders.Generation)
	}
	if !bytes.Equal(fetched.Payload, applied.Payload) {
		return false, refuse("its generation %d was applied with different content", fetched.Orders.Generation)
	}
	return false, nil
}

func refuse(format string, values ...any) error {
	return fault.Refused(Key+" refused: "+fmt.Sprintf(format, values...), ordersRefused)
}

func (d *Document) parse() error {
	// Orders half understood would be orders half obeyed: an unknown field is for a newer agent.
	if err := signed.DecodeStrictly(d.Payload, &d.Orders); err != nil {
		return fmt.Errorf("this agent does not understand it: %w", err)
	}
	return d.Orders.validate()
}

var (
	clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// What may stand in a unit file; whether the zone exists is for the machine's own zone files to say.
	zoneName = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)
	weekdays = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
)

func (o Orders) validate() error {
	if o.Version != 1 {
		return fmt.Errorf("version %d, this agent reads version 1", o.Version)
	}
	if o.Generation < 1 {
		return fmt.Errorf("generation %d, the first is 1", o.Generation)
	}
	if o.Remove {
		return nil
	}
	if !zoneName.MatchString(o.Timezone) {
		return fmt.Errorf("invalid timezone %q", o.Timezone)
	}
	if !hexDigest.MatchString(o.Restic.SHA256) || o.Restic.Version == "" {
		return errors.New("the version or the sha256 of restic is missing or invalid")
	}
	if o.RunDeadlineSeconds < 1 || o.RunDeadlineSeconds > longestDeadlineSeconds {
		return fmt.Errorf("invalid run_deadline_seconds %d", o.RunDeadlineSeconds)
	}
	return o.Plan.validate()
}

func (p Plan) validate() error {
	if len(p.Paths) == 0 || len(p.Schedule) == 0 {
		return errors.New("the plan has no paths or no schedule")
	}
	for _, path := range p.Paths {
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return fmt.Errorf("path %q is not absolute", path)
		}
	}
	for _, pattern := range p.Exclude {
		if pattern == "" || strings.ContainsRune(pattern, 0) {
			return fmt.Errorf("invalid exclude %q", pattern)
		}
	}
	for _, word := range p.Accepted {
		if word.Number < 1 || !slices.Contains(p.Paths, word.Path) {
			return fmt.Errorf("invalid accepted path %q", word.Path)
		}
	}
	for _, entry := range p.Schedule {
		if !clockTime.MatchString(entry.At) || len(entry.Days) == 0 {
			return fmt.Errorf("invalid schedule: %q on %v", entry.At, entry.Days)
		}
		for _, day := range entry.Days {
			if !slices.Contains(weekdays, day) {
				return fmt.Errorf("invalid day %q", day)
			}
		}
	}
	return nil
}
