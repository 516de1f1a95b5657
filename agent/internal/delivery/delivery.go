// Package delivery gives a machine that nobody can reach its configuration: it reads control/delivery.json, which
// SMILÉO signs and seals for the machine's own key, and puts its parts where a deployment over SSH would write them.
package delivery

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"filippo.io/age"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/signed"
)

// Key is the object's name in the machine's bucket.
const Key = "control/delivery.json"

// LimitBytes is the largest delivery that is read: a platform without an authority of its own has the certificates of all
// that SMILÉO's computer trusts in it.
const LimitBytes = 1 << 20

// Target is whom a delivery must be for, and whose signature it must carry.
type Target struct {
	TenantID string
	Machine  string
	Key      ed25519.PublicKey
}

// Delivery is a signed payload. Number counts up for ever for each machine; Invitation is the one that it answers, empty
// for none; PublicKey is the key that it is sealed for; SHA256 is of the payload.
type Delivery struct {
	Number     int64
	Invitation string
	PublicKey  string
	SHA256     string

	tenantID, machine string
	sealed            []byte
}

type payload struct {
	Purpose    string `json:"purpose"`
	Version    int    `json:"version"`
	TenantID   string `json:"tenant_id"`
	Machine    string `json:"machine"`
	Number     int64  `json:"number"`
	Invitation string `json:"invitation"`
	PublicKey  string `json:"public_key"`
	Sealed     []byte `json:"sealed"`
}

// Verify reads a delivery fetched from the storage. Every error is a refusal: the machine keeps its configuration.
func Verify(body []byte, target Target) (Delivery, error) {
	envelope, err := signed.Open(body, target.Key)
	if err != nil {
		return Delivery{}, refuse("%v", err)
	}
	found, err := parse(envelope.Payload)
	if err != nil {
		return Delivery{}, refuse("%v", err)
	}
	if found.tenantID != target.TenantID || found.machine != target.Machine {
		return Delivery{}, refuse("it is for %s/%s, this machine is %s/%s", found.tenantID, found.machine,
			target.TenantID, target.Machine)
	}
	return found, nil
}

var invitationID = regexp.MustCompile(`^([0-9a-f]{32})?$`)

func parse(body []byte) (Delivery, error) {
	var said payload
	if err := signed.DecodeStrictly(body, &said); err != nil {
		return Delivery{}, fmt.Errorf("this agent does not understand it: %w", err)
	}
	if said.Purpose != "delivery" {
		return Delivery{}, fmt.Errorf("it is no delivery (purpose %q)", said.Purpose)
	}
	if said.Version != 1 {
		return Delivery{}, fmt.Errorf("version %d, this agent reads version 1", said.Version)
	}
	if said.Number < 1 {
		return Delivery{}, fmt.Errorf("number %d, the first is 1", said.Number)
	}
	if !invitationID.MatchString(said.Invitation) {
		return Delivery{}, fmt.Errorf("invalid invitation %q", said.Invitation)
	}
	if _, err := age.ParseX25519Recipient(said.PublicKey); err != nil {
		return Delivery{}, fmt.Errorf("invalid public key %q", said.PublicKey)
	}
	sum := sha256.Sum256(body)
	return Delivery{
		Number: said.Number, Invitation: said.Invitation, PublicKey: said.PublicKey, SHA256: hex.EncodeToString(sum[:]),
		tenantID: said.TenantID, machine: said.Machine, sealed: said.Sealed,
	}, nil
}

// Parts are what a delivery holds: three files as a deployment writes them, the newest numbers that SMILÉO has seen of this
// machine's reports and check-ins, and the agent's own program, nil in a delivery that names none.
type Parts struct {
	Settings      []byte   `json:"settings"`
	Credentials   []byte   `json:"credentials"`
	Certificates  []byte   `json:"certificates"`
	ReportsAfter  int64    `json:"reports_after"`
	CheckInsAfter int64    `json:"check_ins_after"`
	Agent         *Program `json:"agent,omitempty"`
}

// String keeps secrets out of every formatted message.
func (Parts) String() string { return "(configuration)" }

// GoString does the same for %#v.
func (Parts) GoString() string { return "(configuration)" }

// Unseal opens a delivery with this machine's key and checks all of its parts: nothing of one that config.Load would
// refuse takes anything's place.
func (d Delivery) Unseal(paths config.Paths, key *age.X25519Identity) (Parts, error) {
	if own := key.Recipient().String(); d.PublicKey != own {
		return Parts{}, refuse("number %d is sealed for the machine with the fingerprint %s, this machine has %s", d.Number,
			Fingerprint(d.PublicKey), Fingerprint(own))
	}
	parts, err := d.open(key)
	if err == nil {
		err = d.check(paths, parts)
	}
	if err != nil {
		return Parts{}, refuse("number %d: %v", d.Number, err)
	}
	return parts, nil
}

func (d Delivery) open(key *age.X25519Identity) (Parts, error) {
	plain, err := age.Decrypt(bytes.NewReader(d.sealed), key)
	if err != nil {
		return Parts{}, fmt.Errorf("it cannot be opened with this machine's key: %w", err)
	}
	body, err := io.ReadAll(plain)
	if err != nil {
		return Parts{}, fmt.Errorf("what is sealed in it is damaged: %w", err)
	}
	var parts Parts
	if signed.DecodeStrictly(body, &parts) != nil {
		// The decoder's own message may quote what it read, and that may be a secret.
		return Parts{}, errors.New("what is sealed in it is not the expected JSON document")
	}
	return parts, nil
}

func (d Delivery) check(paths config.Paths, parts Parts) error {
	machine, _, err := config.Parse(paths, parts.Settings, parts.Credentials)
	if err != nil {
		return err
	}
	if _, err := machine.PublicKey(); err != nil {
		return err
	}
	if machine.TenantID != d.tenantID || machine.Machine != d.machine {
		return fmt.Errorf("its agent.json is for %s/%s", machine.TenantID, machine.Machine)
	}
	if machine.CAFile != paths.Authorities() {
		return fmt.Errorf("its agent.json has ca_file %q, not %q", machine.CAFile, paths.Authorities())
	}
	if !x509.NewCertPool().AppendCertsFromPEM(parts.Certificates) {
		return errors.New("its ca.pem holds no certificate")
	}
	if parts.ReportsAfter < 0 || parts.CheckInsAfter < 0 {
		return errors.New("a number of reports or check-ins is negative")
	}
	if parts.Agent != nil {
		return parts.Agent.check()
	}
	return nil
}

func refuse(format string, values ...any) error {
	return fault.Refused(Key+" refused: "+fmt.Sprintf(format, values...),
		"if nobody outside SMILÉO changed the storage, run apply for this tenant again")
}
