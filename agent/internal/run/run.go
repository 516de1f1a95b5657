// Package run is one backup run: from the lock, over orders, gate and restic, to the delivered report. The order of its
// steps is here. A step takes what it uses and returns what it found; what that means for the result is in verdict.go, and
// the report is made of it in compose.go.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
)

// StoragePatience is the usual time that the storage may be away before a run gives up.
const StoragePatience = 30 * time.Second

// MaintenancePatience is the usual time that a run waits while SMILÉO removes old backups, and MaintenancePause how often it
// looks: such a gate opens again by itself.
const (
	MaintenancePatience = time.Hour
	MaintenancePause    = 30 * time.Second
)

// Causes that end a run early.
var (
	errDeadline = errors.New("deadline")
	// ErrInterrupted is the cause a caller cancels the context with on SIGTERM.
	ErrInterrupted = errors.New("interrupted")
)

// Settings are what a run is given from outside.
type Settings struct {
	Paths   config.Paths
	Version string
	// Environment is this process's own; the backup's is made from it.
	Environment []string
	// InvocationID is systemd's id of this start of the service, empty when started by hand.
	InvocationID string
	// StoragePatience is how long the storage may be away before the run gives up.
	StoragePatience time.Duration
	// MaintenancePatience is how long the gate may be closed for maintenance before the run gives up, and MaintenancePause
	// the time between two looks.
	MaintenancePatience, MaintenancePause time.Duration
	// ReadBack says whether a snapshot can be restored; nil looks in the storage.
	ReadBack func(snapshotID string) report.Integrity
	// Log takes one line at a time for the journal.
	Log io.Writer
}

// Outcome is a finished run: its report, and the exit code that tells how it ended.
type Outcome struct {
	Report report.Report
	Exit   int
}

// Run backs up once. The report of its outcome is then on the machine and, if it could be put, on the storage. An error
// says that it is in neither place, or that there is none: the lock is held, or the configuration cannot be used.
func Run(ctx context.Context, settings Settings) (Outcome, error) {
	machine, credentials, err := config.Load(settings.Paths)
	if err != nil {
		return Outcome{}, err
	}
	if err := apply.IsRemoving(settings.Paths); err != nil {
		return Outcome{}, err
	}
	if err := files.EnsurePrivateDirectory(settings.Paths.State()); err != nil {
		return Outcome{}, err
	}
	release, err := lock.Acquire(settings.Paths.Lock())
	if errors.Is(err, lock.ErrHeld) {
		return Outcome{}, fault.Busy("another backup is running on this machine",
			"see systemctl status coffre-backup.service")
	}
	if err != nil {
		return Outcome{}, err
	}
	run, err := newRun(settings, machine, credentials)
	if err != nil {
		return Outcome{}, errors.Join(err, release())
	}
	outcome, err := run.execute(ctx)
	return outcome, errors.Join(err, release())
}

// run is what a run has from its first moment on. No step changes it.
type run struct {
	settings    Settings
	machine     config.Machine
	credentials config.Credentials
	sealer      report.Sealer
	identity    identity.Identity
	id          string
	startedAt   time.Time
}

func newRun(settings Settings, machine config.Machine, credentials config.Credentials) (run, error) {
	sealer, err := report.NewSealer(credentials.RepositoryPassword, machine.TenantID, machine.Machine)
	if err != nil {
		return run{}, err
	}
	return run{
		settings: settings, machine: machine, credentials: credentials, sealer: sealer,
		identity: identity.Read(settings.Paths.Root, machine.TenantID), id: report.RunID(settings.InvocationID),
		startedAt: time.Now().UTC().Truncate(time.Millisecond),
	}, nil
}

// findings are what the steps of a run returned, in their order. A step that the run did not come to has no finding.
type findings struct {
	memory  memory
	orders  inForce
	storage answers
	backup  backup
	verdict verdict
	// isCutOff says that the storage was not to be reached; the report then waits without another try.
	isCutOff   bool
	sighting   sighting
	clock      clock
	finishedAt time.Time
}

// execute takes all steps, and makes and hands over the report of what they found.
func (r run) execute(ctx context.Context) (Outcome, error) {
	outbox := r.openOutbox()
	found := findings{memory: r.recall(outbox)}
	who, client, err := r.openStorage()
	access := access{who, client, outbox}
	if err != nil {
		found.verdict = failed(err.Error())
	} else {
		found = r.perform(ctx, access, found)
	}
	found.sighting = r.readSighting()
	found.finishedAt = time.Now().UTC().Truncate(time.Millisecond)
	found.clock = r.readClock(client)
	made, err := r.handOver(ctx, access, found, r.compose(found))
	return Outcome{made, found.verdict.exit}, err
}

// access is by what a run reaches its storage: as whom, through what, and with the reports that wait to go there. client
// is nil when it could not be opened.
type access struct {
	who    orders.Identity
	client *storage.Client
	outbox *report.Outbox
}

// openStorage comes before the applied orders are read, so that even "no orders" can be reported there.
func (r run) openStorage() (orders.Identity, *storage.Client, error) {
	key, err := r.machine.PublicKey()
	if err != nil {
		return orders.Identity{}, nil, err
	}
	client, err := storage.Open(storage.OfMachine(r.machine, r.credentials, r.machine.Bucket))
	return orders.Identity{TenantID: r.machine.TenantID, Machine: r.machine.Machine, Key: key}, client, err
}

// perform takes the steps up to the verdict, and adds what they find. The deadline of the orders covers all that follows
// them.
func (r run) perform(ctx context.Context, access access, found findings) findings {
	var err error
	if found.orders, err = r.readOrders(access.who); err != nil {
		found.verdict = failed(err.Error())
		return found
	}
	given := found.orders.document.Orders
	program, err := programs.Find(r.settings.Paths, given.Restic)
	if err != nil {
		found.verdict = failed(err.Error())
		return found
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(given.RunDeadlineSeconds)*time.Second, errDeadline)
	defer cancel()
	found.storage, err = r.ask(ctx, access, *found.orders.document, found.memory)
	if err != nil {
		found.isCutOff = errors.Is(err, storage.ErrUnreachable) || errors.Is(err, storage.ErrUntrusted)
		found.verdict = unprepared(err, found.storage.clockOffset, given.RunDeadlineSeconds, r.settings.StoragePatience)
		return found
	}
	if door := found.storage.door; door.Closed {
		r.log("%s", door.Journal())
		found.verdict = byGate(door)
		return found
	}
	found.backup, err = task{r, access.client, given, program, found.memory.history}.backUp(ctx)
	if err != nil {
		found.verdict = failed(err.Error())
	} else {
		found.verdict = judge(found.backup.facts)
	}
	return found
}

func (r run) log(format string, values ...any) {
	line := shorten(r.credentials.Redact(fmt.Sprintf(format, values...)))
	// The journal is a convenience; there is nobody to tell when it is gone.
	_, _ = fmt.Fprintln(r.settings.Log, line)
}
