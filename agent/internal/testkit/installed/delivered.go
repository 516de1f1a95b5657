package installed

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"os"
	"strings"
	"time"

	"filippo.io/age"

	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/testkit/s3double"
)

// InvitationID names the machine's invitation.
const InvitationID = "0123456789abcdef0123456789abcdef"

// Secret is what the machine's invitation seals a claim with.
var Secret = []byte(strings.Repeat("S", 32))

// Signature is in every address of the invitation, and a secret.
const Signature = "5e9c8a7d6f"

// ClaimKey is where the invitation has the machine put its claim.
const ClaimKey = "control/enrolment/" + InvitationID + ".claim"

// Invite returns an invitation for this machine with these values changed.
func (m *Machine) Invite(changes map[string]any) []byte {
	m.t.Helper()
	address := func(key string) string {
		return m.Server.URL + "/" + s3double.Bucket + "/" + key + "?X-Amz-Signature=" + Signature
	}
	authority, err := os.ReadFile(m.Server.CAFile)
	if err != nil {
		m.t.Fatal(err)
	}
	values := map[string]any{
		"version": 1, "invitation": InvitationID, "tenant_id": "t1", "machine": "ws1", "secret": Secret,
		"signing_public_key": []byte(m.key.Public().(ed25519.PublicKey)), "expires_at": time.Now().Add(time.Hour).UTC(),
		"claim_url": address(ClaimKey), "claim_headers": map[string]string{"If-None-Match": "*"},
		"answer_url": address(delivery.Key), "after": 0, "certificates": string(authority),
	}
	maps.Copy(values, changes)
	return m.encode(values)
}

// Parts are this machine's configuration as a delivery holds it. What is changed is of agent.json.
func (m *Machine) Parts(changes map[string]any) map[string]any {
	m.t.Helper()
	m.Configure(changes)
	parts := map[string]any{"reports_after": 0, "check_ins_after": 0}
	for name, path := range map[string]string{
		"settings": m.Paths.Machine(), "credentials": m.Paths.Credentials(), "certificates": m.Paths.Authorities(),
	} {
		body, err := os.ReadFile(path)
		if err != nil {
			m.t.Fatal(err)
		}
		parts[name] = body
	}
	return parts
}

// Deliver returns a signed delivery of these parts for that public key, with these values of its payload changed.
func (m *Machine) Deliver(number int, publicKey string, parts, changes map[string]any) []byte {
	m.t.Helper()
	recipient, err := age.ParseX25519Recipient(publicKey)
	if err != nil {
		m.t.Fatal(err)
	}
	var sealed bytes.Buffer
	writer, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := writer.Write(m.encode(parts)); err != nil {
		m.t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		m.t.Fatal(err)
	}
	values := map[string]any{
		"purpose": "delivery", "version": 1, "tenant_id": "t1", "machine": "ws1", "number": number, "invitation": "",
		"public_key": publicKey, "sealed": base64.StdEncoding.EncodeToString(sealed.Bytes()),
	}
	maps.Copy(values, changes)
	payload := m.encode(values)
	return m.encode(map[string]any{"payload": payload, "signatures": [][]byte{ed25519.Sign(m.key, payload)}})
}

// Target is whom deliveries to this machine must be for.
func (m *Machine) Target() delivery.Target {
	return delivery.Target{TenantID: "t1", Machine: "ws1", Key: m.key.Public().(ed25519.PublicKey)}
}

// As does something while somebody else holds the signing key.
func (m *Machine) As(seed string, do func()) {
	own := m.key
	m.key = ed25519.NewKeyFromSeed([]byte(strings.Repeat(seed, ed25519.SeedSize)))
	do()
	m.key = own
}
