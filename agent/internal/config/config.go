// Package config reads what was installed on this machine: who it is, where its bucket is, which key it trusts, and its
// secrets; and it names every file that the agent uses.
package config

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
)

// Paths names the agent's files under one root directory, "/" on a real machine, of whatever system.
type Paths struct{ Root string }

// Machine is the file that says who this machine is.
func (p Paths) Machine() string { return filepath.Join(p.Configuration(), "agent.json") }

// Credentials is the file of secrets.
func (p Paths) Credentials() string { return filepath.Join(p.Configuration(), "credentials.json") }

// Authorities is the file of the authorities that this machine trusts.
func (p Paths) Authorities() string { return filepath.Join(p.Configuration(), "ca.pem") }

// DeliveryKey is the private key that deliveries to this machine are sealed for. A machine without one gets its
// configuration over SSH or WinRM.
func (p Paths) DeliveryKey() string { return filepath.Join(p.Configuration(), "delivery.key") }

// Delivering holds a delivery while its parts take their places, so that a killed run is completed by the next one.
func (p Paths) Delivering() string { return filepath.Join(p.Configuration(), "delivering.json") }

// Delivered says which delivery was taken last. It lies beside what was delivered: who loses the state does not lose it.
func (p Paths) Delivered() string { return filepath.Join(p.Configuration(), "delivered.json") }

// DeliveredProgram says which program of the agent's own the last delivery names.
func (p Paths) DeliveredProgram() string {
	return filepath.Join(p.Configuration(), "delivered-program.json")
}

// Undelivered says which newer delivery could not be taken, and why.
func (p Paths) Undelivered() string { return filepath.Join(p.State(), "undelivered.json") }

// Configuration is the directory that the deployment writes.
func (p Paths) Configuration() string { return p.at(configurationDirectory) }

// ProgramDirectory is where the deployment installs the two programs.
func (p Paths) ProgramDirectory() string { return p.at(programDirectory) }

// Agent is the installed agent.
func (p Paths) Agent() string { return p.at(Agent) }

// NextAgent is the agent's next program until it takes the place of the installed one. It lies beside that, so that one
// rename is enough, and programs may run there.
func (p Paths) NextAgent() string {
	return filepath.Join(p.ProgramDirectory(), "coffre-agent.next"+programSuffix)
}

// PreviousAgent is a copy of the program that was installed before the present one.
func (p Paths) PreviousAgent() string {
	return filepath.Join(p.ProgramDirectory(), "coffre-agent.previous"+programSuffix)
}

// Trial says that the installed agent is a new program whose first run has not come to its end.
func (p Paths) Trial() string { return filepath.Join(p.State(), "agent-trial.json") }

// NotUpdated says which new program of the agent's own could not be put in place, and why.
func (p Paths) NotUpdated() string { return filepath.Join(p.State(), "agent-not-updated.json") }

// UpdateLock is held by whoever replaces the agent.
func (p Paths) UpdateLock() string { return filepath.Join(p.State(), "update.lock") }

// Restic is the restic program that the deployment installed.
func (p Paths) Restic() string { return filepath.Join(p.ProgramDirectory(), resticName) }

// RestoreCommand is the other name of the agent, under which the customer restores.
func (p Paths) RestoreCommand() string { return p.at(restoreCommand) }

// State is the directory of everything the agent remembers; removal deletes it.
func (p Paths) State() string { return p.at(stateDirectory) }

// Programs is the directory of restic programs that the agent fetched by itself. Not beside the installed one: only the
// state is certain to be on a disk that the machine's owner lets change between deployments.
func (p Paths) Programs() string { return filepath.Join(p.State(), "programs") }

// Program is the fetched restic program of that SHA-256.
func (p Paths) Program(sha256 string) string {
	return filepath.Join(p.Programs(), "restic-"+sha256+programSuffix)
}

// Applied holds the last applied orders, as they were received.
func (p Paths) Applied() string { return filepath.Join(p.State(), "applied.json") }

// Failed says which newer generation could not be applied, and why.
func (p Paths) Failed() string { return filepath.Join(p.State(), "failed.json") }

// Removing exists while the agent takes itself off this machine, as signed orders said.
func (p Paths) Removing() string { return filepath.Join(p.State(), "removing") }

// LastReport holds the report of the last finished run.
func (p Paths) LastReport() string { return filepath.Join(p.State(), "last-report.json") }

// Pending is the directory of reports that have not been delivered.
func (p Paths) Pending() string { return filepath.Join(p.State(), "pending") }

// History is what the machine remembers of its own runs: the number of its newest report, its newest snapshot.
func (p Paths) History() string { return filepath.Join(p.State(), "history.json") }

// Baits lists the bait files that the agent has placed among the customer's own.
func (p Paths) Baits() string { return filepath.Join(p.State(), "baits.json") }

// ReportFloor is the newest report number that SMILÉO has seen, written by a deployment to a machine that forgot it.
func (p Paths) ReportFloor() string { return filepath.Join(p.State(), "report-floor.json") }

// CheckIns is the number of the last word that the machine gave on its applied orders.
func (p Paths) CheckIns() string { return filepath.Join(p.State(), "check-ins.json") }

// Cache is restic's cache, and the only thing on the machine that is never backed up.
func (p Paths) Cache() string { return filepath.Join(p.State(), "cache") }

// Temporary is where restic prepares packs; inside the cache, so that they are not backed up either.
func (p Paths) Temporary() string { return filepath.Join(p.Cache(), "tmp") }

// Lock is held by a backup run from its first to its last step.
func (p Paths) Lock() string { return filepath.Join(p.State(), "lock") }

// Seen says which orders this machine read last on the storage.
func (p Paths) Seen() string { return filepath.Join(p.State(), "seen.json") }

// ProgramsBucket is the bucket of programs of configurations that name none.
const ProgramsBucket = "coffre-programs"

// Machine says who this machine is and where its backups go. LeastGeneration is the least that it takes of orders: the
// state may be lost, and then this is all that tells a replay. ProgramsBucket holds programs for all machines of its
// platform. Configurations of former deployments say neither: 0, and ProgramsBucket.
type Machine struct {
	Version          int    `json:"version"`
	TenantID         string `json:"tenant_id"`
	Machine          string `json:"machine"`
	Endpoint         string `json:"endpoint"`
	Region           string `json:"region"`
	Bucket           string `json:"bucket"`
	ProgramsBucket   string `json:"programs_bucket"`
	CAFile           string `json:"ca_file"`
	SigningPublicKey string `json:"signing_public_key"`
	Repository       string `json:"repository"`
	LeastGeneration  int64  `json:"least_generation"`
}

// Credentials are the machine's secrets; they never print.
type Credentials struct {
	AccessKeyID        string `json:"access_key_id"`
	SecretAccessKey    string `json:"secret_access_key"`
	RepositoryPassword string `json:"repository_password"`
}

// String keeps secrets out of every formatted message.
func (Credentials) String() string { return "(credentials)" }

// GoString does the same for %#v.
func (Credentials) GoString() string { return "(credentials)" }

// Redact replaces every secret in text.
func (c Credentials) Redact(text string) string {
	for _, secret := range []string{c.SecretAccessKey, c.RepositoryPassword} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// PublicKey decodes the pinned key that orders must be signed with.
func (m Machine) PublicKey() (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(m.SigningPublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fault.Failed("signing_public_key in agent.json is not 32 bytes in base64", deployAgain)
	}
	return key, nil
}

const deployAgain = "deploy the agent to this machine again"

// Load reads both files and checks that nobody but their owner, who must be the user that runs the agent (root), can
// read or change them.
func Load(paths Paths) (Machine, Credentials, error) {
	var machine Machine
	var credentials Credentials
	if err := readPrivate(paths.Machine(), &machine); err != nil {
		return Machine{}, Credentials{}, err
	}
	if err := readPrivate(paths.Credentials(), &credentials); err != nil {
		return Machine{}, Credentials{}, err
	}
	return complete(paths, machine, credentials)
}

// Parse reads what the two files are to hold before they are written, and refuses whatever Load would refuse of it.
func Parse(paths Paths, settings, secrets []byte) (Machine, Credentials, error) {
	var machine Machine
	var credentials Credentials
	if err := decode(paths.Machine(), settings, &machine); err != nil {
		return Machine{}, Credentials{}, err
	}
	if err := decode(paths.Credentials(), secrets, &credentials); err != nil {
		return Machine{}, Credentials{}, err
	}
	return complete(paths, machine, credentials)
}

func complete(paths Paths, machine Machine, credentials Credentials) (Machine, Credentials, error) {
	if machine.ProgramsBucket == "" {
		machine.ProgramsBucket = ProgramsBucket
	}
	if err := check(machine, credentials); err != nil {
		return Machine{}, Credentials{}, err
	}
	machine.CAFile = paths.at(machine.CAFile)
	return machine, credentials, nil
}

func readPrivate(path string, into any) error {
	body, err := ReadPrivate(path)
	if err != nil {
		return err
	}
	return decode(path, body, into)
}

// ReadPrivate reads one of the agent's own secret files, and refuses one that anybody else could read or change.
func ReadPrivate(path string) ([]byte, error) {
	body, facts, err := files.ReadOwnAndFacts(path)
	var unsafe *files.UnsafeError
	if errors.As(err, &unsafe) {
		return nil, fault.Refused(unsafe.Error(),
			"make root its owner, in folders that only root can write and without links on the path, or "+deployAgain)
	}
	if err != nil {
		return nil, fault.Failed(fmt.Sprintf("cannot read %s: %v", path, err), deployAgain)
	}
	return body, checkPrivate(path, facts)
}

func decode(path string, body []byte, into any) error {
	// The decoder's own message may quote what it read, and that may be a secret.
	if err := json.Unmarshal(body, into); err != nil {
		return fault.Failed(fmt.Sprintf("%s is not the expected JSON document", path), deployAgain)
	}
	return nil
}

func check(machine Machine, credentials Credentials) error {
	if machine.Version != 1 {
		return fault.Failed(fmt.Sprintf("agent.json has version %d, this agent reads version 1", machine.Version), deployAgain)
	}
	for _, field := range []struct{ name, value string }{
		{"tenant_id", machine.TenantID}, {"machine", machine.Machine}, {"endpoint", machine.Endpoint},
		{"region", machine.Region}, {"bucket", machine.Bucket}, {"ca_file", machine.CAFile},
		{"signing_public_key", machine.SigningPublicKey}, {"repository", machine.Repository},
		{"access_key_id", credentials.AccessKeyID}, {"secret_access_key", credentials.SecretAccessKey},
		{"repository_password", credentials.RepositoryPassword},
	} {
		if field.value == "" {
			return fault.Failed(fmt.Sprintf("%s is missing from the agent's configuration", field.name), deployAgain)
		}
	}
	if machine.LeastGeneration < 0 {
		return fault.Failed(fmt.Sprintf("agent.json has the negative least_generation %d", machine.LeastGeneration), deployAgain)
	}
	// What a gate or orders say, and who asks when: nothing goes over an open line.
	endpoint, err := url.Parse(machine.Endpoint)
	if err != nil || endpoint.Scheme != "https" || endpoint.Host == "" {
		return fault.Refused(fmt.Sprintf("endpoint %q is not an https address", machine.Endpoint), deployAgain)
	}
	return nil
}
