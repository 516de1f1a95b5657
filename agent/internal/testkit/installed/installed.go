// Package installed makes, for tests, a machine with an agent installed on it: its configuration below a root
// directory of its own, a tenant's signing key, and a double of the storage that holds its orders.
package installed

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/testkit/s3double"
)

// Password opens the machine's repository.
const Password = "repository-password"

// Machine is a machine with an agent.
type Machine struct {
	Paths  config.Paths
	Server *s3double.Server
	// Data is a directory with a few files, which the orders name.
	Data string

	// IssuedAt is when all orders of this machine were issued.
	IssuedAt time.Time

	t   *testing.T
	key ed25519.PrivateKey
}

// Says is a program that says it is this version of restic, and otherwise does nothing; comment makes its bytes differ.
func Says(version, comment string) []byte {
	return []byte("#!/bin/sh\n# " + comment + "\necho 'restic " + version + " compiled with go'\n")
}

// New installs an agent and puts a copy of the program (nil: one that only says its version) where restic belongs.
func New(t *testing.T, program []byte) *Machine {
	t.Helper()
	machine := &Machine{
		Paths: config.Paths{Root: t.TempDir()}, Server: s3double.Start(t), Data: filepath.Join(t.TempDir(), "data"), t: t,
		key:      ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize))),
		IssuedAt: time.Now().UTC().Truncate(time.Second),
	}
	if program == nil {
		program = Says("0.18.1", "installed")
	}
	authority, err := os.ReadFile(machine.Server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	machine.write(machine.Paths.Restic(), program, 0o755)
	machine.write(filepath.Join(machine.Paths.Root, "etc/coffre/ca.pem"), authority, 0o600)
	machine.Configure(nil)
	machine.write(machine.Paths.Credentials(), machine.encode(map[string]any{
		"access_key_id": "AK", "secret_access_key": "secret-access-key", "repository_password": Password,
	}), 0o600)
	for _, name := range []string{"a", "b", "sub/c"} {
		machine.write(filepath.Join(machine.Data, name), []byte("content of "+name), 0o600)
	}
	return machine
}

// ReportKey is where this machine puts a report on the storage.
func (m *Machine) ReportKey(said report.Report) string {
	return report.Prefix + m.sealer().Name(said)
}

// Unseal returns what this machine has sealed under that key of the storage.
func (m *Machine) Unseal(key string) []byte {
	m.t.Helper()
	body, err := m.sealer().Open(key, m.Server.Get(key))
	if err != nil {
		m.t.Fatalf("%s: %v", key, err)
	}
	return body
}

func (m *Machine) sealer() report.Sealer {
	m.t.Helper()
	sealer, err := report.NewSealer(Password, "t1", "ws1")
	if err != nil {
		m.t.Fatal(err)
	}
	return sealer
}

// Configure writes agent.json with these values changed.
func (m *Machine) Configure(changes map[string]any) {
	m.t.Helper()
	values := map[string]any{
		"version": 1, "tenant_id": "t1", "machine": "ws1", "endpoint": m.Server.URL, "region": "default",
		"bucket": s3double.Bucket, "ca_file": "/etc/coffre/ca.pem", "repository": m.Repository(),
		"signing_public_key": base64.StdEncoding.EncodeToString(m.key.Public().(ed25519.PublicKey)),
	}
	maps.Copy(values, changes)
	m.write(m.Paths.Machine(), m.encode(values), 0o600)
}

// Repository is the machine's repository in restic's words.
func (m *Machine) Repository() string {
	return "s3:" + m.Server.URL + "/" + s3double.Bucket + "/restic"
}

// Order signs orders with these values changed and puts them on the storage.
func (m *Machine) Order(generation int, changes map[string]any) {
	m.t.Helper()
	m.Server.Put(orders.Key, m.Sign(generation, changes))
}

// Publish puts a program where machines fetch it, under this name, and returns its SHA-256.
func (m *Machine) Publish(program []byte, name string) string {
	digest := sha256.Sum256(program)
	found := hex.EncodeToString(digest[:])
	if name == "" {
		name = found
	}
	m.Server.Put(s3double.Programs+"/restic/"+name, program)
	return found
}

// Forge puts orders on the storage that somebody else signed.
func (m *Machine) Forge(generation int) {
	m.t.Helper()
	own := m.key
	m.key = ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	m.Order(generation, nil)
	m.key = own
}

// Sign returns a signed document of orders with these values changed.
func (m *Machine) Sign(generation int, changes map[string]any) []byte {
	m.t.Helper()
	digest, err := files.SHA256(m.Paths.Restic())
	if err != nil {
		m.t.Fatal(err)
	}
	values := map[string]any{
		"version": 1, "tenant_id": "t1", "machine": "ws1", "generation": generation,
		"issued_at": m.IssuedAt, "timezone": "Europe/Paris", "run_deadline_seconds": 300, "remove": false,
		"plan": map[string]any{
			"paths": []string{m.Data}, "exclude": []string{},
			"schedule": []any{map[string]any{"days": []string{"Mon"}, "at": "12:30"}},
		},
		"restic": map[string]any{"version": "0.18.1", "sha256": digest},
	}
	maps.Copy(values, changes)
	payload := m.encode(values)
	return m.encode(map[string]any{"payload": payload, "signatures": [][]byte{ed25519.Sign(m.key, payload)}})
}

// Applied has the machine obey these orders, without a scheduler.
func (m *Machine) Applied(generation int, changes map[string]any) {
	m.t.Helper()
	m.Order(generation, changes)
	m.write(m.Paths.Applied(), m.Sign(generation, changes), 0o600)
}

// encode gives JSON, in which bytes are base64.
func (m *Machine) encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		m.t.Fatal(err)
	}
	return body
}

func (m *Machine) write(path string, body []byte, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, body, mode); err != nil {
		m.t.Fatal(err)
	}
}
