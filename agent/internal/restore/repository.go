package restore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/listing"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
)

const (
	configKey   = "restic/config"
	configLimit = 64 << 10
	patience    = 10 * time.Second
	// messageLimit bounds what restic or the storage say in a message.
	messageLimit = 400
)

// repository runs restic over this machine's own repository. Secrets go by environment only.
type repository struct {
	binary      string
	sha256      string
	settings    []string
	caFile      string
	cache       string
	environment []string
	credentials config.Credentials
	// tag marks the snapshots that this very machine took, empty when that is not known.
	tag    string
	client *storage.Client
}

// open reads the agent's configuration and asks the storage one thing: restic would try for 15 minutes to reach one that
// is away or refuses.
func open(ctx context.Context, settings Settings) (*repository, error) {
	machine, credentials, err := config.Load(settings.Paths)
	if err != nil {
		return nil, badlyInstalled(err)
	}
	client, err := storage.Open(storage.OfMachine(machine, credentials, machine.Bucket))
	if err != nil {
		return nil, badlyInstalled(err)
	}
	err = storage.Retry(ctx, patience, func(ctx context.Context) error {
		_, err := client.Get(ctx, configKey, configLimit)
		return err
	})
	if errors.Is(err, storage.ErrNoSuchKey) {
		if damage := lookAtRemains(ctx, client, restic.ExitNoRepository); damage.Part != restic.Nothing {
			return nil, explainDamage(damage)
		}
	}
	if err != nil {
		return nil, explainStorage(err)
	}
	binary, sha256, err := findProgram(settings.Paths, machine)
	if err != nil {
		return nil, err
	}
	command := restic.Command{
		Repository: machine.Repository, AccessKeyID: credentials.AccessKeyID,
		SecretAccessKey: credentials.SecretAccessKey, Password: credentials.RepositoryPassword,
		TemporaryFolder: os.TempDir(),
	}
	return &repository{
		binary: binary, sha256: sha256, caFile: machine.CAFile, cache: settings.Paths.Cache(),
		settings:    []string{"--no-lock", "-o", "s3.bucket-lookup=path", "-o", "s3.region=" + machine.Region},
		environment: command.Environment(settings.Environment),
		credentials: credentials,
		tag:         identity.Read(settings.Paths.Root, machine.TenantID).Tag(),
		client:      client,
	}, nil
}

// findProgram returns the restic that the machine's orders name, and its SHA-256: it is given both secrets, so no other
// program is.
func findProgram(paths config.Paths, machine config.Machine) (path, sha256 string, err error) {
	applied, _, err := apply.ReadApplied(paths, orders.Identity{TenantID: machine.TenantID, Machine: machine.Machine})
	if err == nil && (applied == nil || applied.Orders.Remove) {
		return "", "", withoutOrders(paths.Agent())
	}
	if err == nil {
		path, err = programs.Find(paths, applied.Orders.Restic)
	}
	if err != nil {
		return "", "", otherProgram(err)
	}
	return path, applied.Orders.Restic.SHA256, nil
}

// literal keeps restic from reading a path as a pattern.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(path)
}

// restic is a call of it with the agent's cache, outside of any cage.
func (r *repository) restic(arguments ...string) restic.Call {
	settings := slices.Concat(r.settings, []string{"--cacert", r.caFile, "--cache-dir", r.cache})
	return restic.Call{Binary: r.binary, Arguments: append(settings, arguments...), Environment: r.environment}
}

// run runs restic, hands over its output line by line, and explains in French how it failed. What take refuses ends it.
func (r *repository) run(ctx context.Context, call restic.Call, take func([]byte) error) error {
	complaints := &tail{}
	call.Output = restic.Stream{Read: func(output io.Reader) error { return eachLine(output, take) }}
	call.Complaints = restic.Stream{Read: complaints.read}
	process, err := restic.Start(call)
	if err != nil {
		return explainStart(err)
	}
	outcome, err := process.Wait(ctx)
	switch code := codeOf(outcome); {
	case ctx.Err() != nil:
		return interrupted()
	case err != nil || code == restic.ExitDone:
		return err
	default:
		return r.explain(ctx, code, complaints.text())
	}
}

// explainStart leaves to the caller what a cage says by its kind.
func explainStart(err error) error {
	var unavailable *cage.UnavailableError
	if errors.As(err, &unavailable) || errors.Is(err, cage.ErrChanged) {
		return err
	}
	return notStarted(err)
}

// explain says in French how restic failed.
func (r *repository) explain(ctx context.Context, code int, complaints string) error {
	if damage := lookAtRemains(ctx, r.client, code); damage.Part != restic.Nothing {
		return explainDamage(damage)
	}
	return explainRestic(code, r.credentials.Redact(complaints))
}

// codeOf is restic's exit code, that of no program when a signal ended it.
func codeOf(outcome restic.Outcome) int {
	if outcome.ExitCode == nil {
		return -1
	}
	return *outcome.ExitCode
}

// eachLine hands over each line; one that is longer than any that restic writes is a fault of what it reads.
func eachLine(output io.Reader, take func([]byte) error) error {
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, listing.LineLimit)
	for scanner.Scan() {
		if err := take(scanner.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return &listing.FaultError{Fault: listing.Unreadable}
	}
	return nil // Another error is the pipe's: restic's own end says more.
}

// lookAtRemains asks the storage what restic's exit code leaves open: whether config or key files are gone. A storage that
// does not say leaves it open.
func lookAtRemains(ctx context.Context, client *storage.Client, code int) restic.Damage {
	if client == nil || !restic.NeedsALook(code) {
		return restic.Damage{}
	}
	remains, err := client.LookAtRemains(ctx)
	if err != nil {
		return restic.Damage{}
	}
	return restic.JudgeRemains(code, remains.HasConfig, remains.HasKeys, remains.HasBackups)
}

// entriesFailed and notTaken are restic's and the system's words for a restore that left out single entries alone.
var (
	entriesFailed = regexp.MustCompile(`There were ([0-9]{1,12}) errors`)
	notTaken      = regexp.MustCompile(`(?:file name too long|file too large|too many links|invalid argument|illegal byte sequence|` +
		`operation not permitted|operation not supported|numerical result out of range|argument list too long)"`)
)

// lastMessage returns what restic said last, out of its JSON.
func lastMessage(complaints string) string {
	lines := strings.Split(strings.TrimSpace(complaints), "\n")
	last := lines[len(lines)-1]
	var message struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(last), &message) == nil && message.Message != "" {
		last = message.Message
	}
	return restic.OneLine(last)
}

// tailLimit is how much of restic's complaints is kept.
const tailLimit = 64 << 10

// tail keeps the last of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(part []byte) (int, error) {
	t.kept = append(t.kept, part...)
	if excess := len(t.kept) - tailLimit; excess > 0 {
		t.kept = append([]byte(nil), t.kept[excess:]...)
	}
	return len(part), nil
}

func (t *tail) read(complaints io.Reader) error {
	_, err := io.Copy(t, complaints)
	return err
}

func (t *tail) text() string { return string(t.kept) }
