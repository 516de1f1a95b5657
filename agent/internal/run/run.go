// Package run is one backup run: from the lock, over orders, gate and restic, to the delivered report. The order of its
// steps is here; what they mean for the result is in verdict.go.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
)

// Bounds of the steps around restic.
const (
	// StoragePatience is the usual time that the storage may be away before a run gives up.
	StoragePatience  = 30 * time.Second
	deliveryPatience = 30 * time.Second
	recheckPatience  = 20 * time.Second
	wordPatience     = 5 * time.Second // SMILÉO's two calls, one after the other.
	wordPause        = 200 * time.Millisecond
	probePatience    = 10 * time.Second
	samplePatience   = time.Minute
	logEvery         = time.Minute
)

// probeKey is the object that is written to learn whether anything may be written.
const probeKey = report.Prefix + ".probe"

// snapshotPrefix is where restic keeps an object for each snapshot, named by its id.
const snapshotPrefix = "restic/snapshots/"

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
		return Outcome{}, fault.Busy("another backup run is under way on this machine",
			"see systemctl status coffre-backup.service")
	}
	if err != nil {
		return Outcome{}, err
	}
	run, err := newRun(settings, machine, credentials)
	if err != nil {
		return Outcome{}, errors.Join(err, release())
	}
	end := run.perform(ctx)
	run.end(end)
	err = run.hand(ctx)
	return Outcome{run.report, end.exit}, errors.Join(err, release())
}

// run is the state of one run.
type run struct {
	settings    Settings
	machine     config.Machine
	credentials config.Credentials
	who         orders.Identity
	client      *storage.Client
	outbox      report.Outbox
	applied     *orders.Document
	orders      orders.Orders
	program     string
	report      report.Report
	notes       []string
	// isCutOff says that the storage was not to be reached; the report then waits without another try.
	isCutOff bool
	// memoryErr says why numbers of reports cannot be kept on this machine, nil usually.
	memoryErr error
}

func newRun(settings Settings, machine config.Machine, credentials config.Credentials) (*run, error) {
	sealer, err := report.NewSealer(credentials.RepositoryPassword, machine.TenantID, machine.Machine)
	if err != nil {
		return nil, err
	}
	self := identity.Read(settings.Paths.Root, machine.TenantID)
	return &run{
		settings: settings, machine: machine, credentials: credentials,
		outbox: report.Outbox{
			LastReport: settings.Paths.LastReport(), Pending: settings.Paths.Pending(), Sealer: sealer,
			History: settings.Paths.History(), Floor: settings.Paths.ReportFloor(),
		},
		report: report.Report{
			Version: 1, TenantID: machine.TenantID, Machine: machine.Machine,
			RunID: report.RunID(settings.InvocationID), StartedAt: time.Now().UTC().Truncate(time.Millisecond),
			AgentVersion: settings.Version, AccessKeyID: credentials.AccessKeyID, Identity: &self,
		},
	}, nil
}

// perform does everything up to the verdict. The deadline of the orders covers all of it.
func (r *run) perform(ctx context.Context) verdict {
	note, err := r.outbox.Recover(r.machine.TenantID, r.machine.Machine)
	if err != nil {
		// What waits keeps its numbers and is delivered by the first run that can remember them.
		r.memoryErr = err
		r.note("what this machine remembers of its runs cannot be kept: %v", err)
	}
	if note != "" {
		r.note("%s", note)
	}
	if err := r.load(); err != nil {
		return failed(err.Error())
	}
	deadline := time.Duration(r.orders.RunDeadlineSeconds) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, errDeadline)
	defer cancel()
	door, err := r.prepare(ctx)
	if err != nil {
		r.isCutOff = errors.Is(err, storage.ErrUnreachable) || errors.Is(err, storage.ErrUntrusted)
		return r.unprepared(err)
	}
	if door.Closed {
		r.log("%s", door.Journal())
		return byGate(door)
	}
	return r.backup(ctx)
}

// load reads what was applied, and opens the storage first so that even "no orders" can be reported there.
func (r *run) load() error {
	key, err := r.machine.PublicKey()
	if err != nil {
		return err
	}
	r.who = orders.Identity{TenantID: r.machine.TenantID, Machine: r.machine.Machine, Key: key}
	r.client, err = storage.Open(storage.OfMachine(r.machine, r.credentials, r.machine.Bucket))
	if err != nil {
		return err
	}
	applied, note, err := apply.ReadApplied(r.settings.Paths, r.who)
	if err != nil {
		return err
	}
	if applied == nil || applied.Orders.Remove {
		return errors.New("this machine has no applied orders" + note + "; run apply for this tenant")
	}
	r.applied, r.orders = applied, applied.Orders
	r.report.GenerationApplied, r.report.GenerationSeen = r.orders.Generation, r.orders.Generation
	r.report.ResticVersion = r.orders.Restic.Version
	r.tellFailure()
	r.program, err = programs.Find(r.settings.Paths, r.orders.Restic)
	return err
}

// tellFailure reports a newer generation that this machine has verified and could not apply.
func (r *run) tellFailure() {
	failure, err := apply.FindFailure(r.settings.Paths)
	if err != nil {
		r.note("%v", err)
	}
	if failure == nil || failure.Generation <= r.orders.Generation {
		return
	}
	reason := shorten(r.credentials.Redact(failure.Reason))
	r.report.FailedGeneration, r.report.FailedGenerationReason = &failure.Generation, reason
	r.report.GenerationSeen = failure.Generation
	r.note("generation %d could not be applied: %s; generation %d stays in force", failure.Generation, reason,
		r.orders.Generation)
}

// prepare asks the storage what it has to say before restic starts: gate, orders, waiting reports, and whether anything
// can be written at all.
func (r *run) prepare(ctx context.Context) (gate.Gate, error) {
	var door gate.Gate
	err := storage.Retry(ctx, r.settings.StoragePatience, func(ctx context.Context) (err error) {
		door, err = r.readGate(ctx)
		return err
	})
	r.recordClock()
	if err != nil {
		return door, err
	}
	if err := r.lookAtOrders(ctx); err != nil {
		return door, err
	}
	r.deliver(ctx)
	if err := r.lookForLastSnapshot(ctx); err != nil {
		return door, err
	}
	if door.Closed {
		return door, nil
	}
	return door, r.client.Put(ctx, probeKey, r.probeBody())
}

// deliver gives the storage what waits. Whatever it refuses goes on waiting.
func (r *run) deliver(ctx context.Context) {
	if r.memoryErr != nil {
		return
	}
	if err := r.outbox.Deliver(ctx, r.client.Put); err != nil {
		r.log("%v", err)
	}
}

// lookForLastSnapshot reports when the storage does not have this machine's own last snapshot any more. The run goes on:
// what it saves now is worth the more.
func (r *run) lookForLastSnapshot(ctx context.Context) error {
	last := r.outbox.Remembered()
	if last.SnapshotID == "" {
		return nil
	}
	isThere, err := r.client.Exists(ctx, snapshotPrefix+last.SnapshotID)
	if errors.Is(err, storage.ErrUnreachable) || ctx.Err() != nil {
		return err
	}
	// A suspended machine reads nothing of its repository: that says nothing of the snapshot.
	if err != nil || isThere {
		return nil
	}
	r.report.MissingSnapshotID, r.report.MissingSnapshotAt = &last.SnapshotID, &last.SnapshotAt
	r.note("the last snapshot of this machine, %.8s of %s, is not in the storage any more", last.SnapshotID,
		last.SnapshotAt.Format(time.RFC3339))
	return nil
}

func (r *run) recordClock() {
	if offset, known := r.client.ClockOffsetSeconds(); known {
		r.report.ClockOffsetSeconds = &offset
		// By the clock that this is the offset of: it may have been set since the run began.
		r.report.Identity.BootedAt = identity.BootedAt(r.settings.Paths.Root)
	}
}

// probeBody is not empty: an empty object fits under a full quota.
func (r *run) probeBody() []byte { return []byte(`{"run_id":"` + r.report.RunID + `"}`) }

// readGate returns the gate; absent is open, and so, with a note, is one that cannot be read: it is the bucket's policy
// that really stops a machine.
func (r *run) readGate(ctx context.Context) (gate.Gate, error) {
	body, err := r.client.Get(ctx, gate.Key, gate.LimitBytes)
	if errors.Is(err, storage.ErrNoSuchKey) {
		return gate.Gate{}, nil
	}
	if err != nil {
		return gate.Gate{}, err
	}
	door, err := gate.Parse(body)
	if err != nil {
		r.note("%v", err)
	}
	return door, nil
}

// lookAtOrders notes which generation waits on the storage, and refuses a forged or replayed one while the applied
// orders stay in force.
func (r *run) lookAtOrders(ctx context.Context) error {
	body, err := r.client.Get(ctx, orders.Key, orders.LimitBytes)
	if errors.Is(err, storage.ErrNoSuchKey) {
		r.note("the bucket holds no orders; generation %d stays in force", r.orders.Generation)
		return nil
	}
	if err != nil {
		return err
	}
	seen, err := orders.Verify(body, r.who)
	if err == nil {
		_, err = orders.Decide(r.applied, seen, r.machine.LeastGeneration, time.Now())
	}
	if err != nil {
		r.note("%v; generation %d stays in force", err, r.orders.Generation)
		return nil
	}
	r.report.GenerationSeen = max(r.report.GenerationSeen, seen.Orders.Generation)
	if err := apply.RememberSeen(r.settings.Paths, seen.Orders); err != nil {
		r.note("%v", err)
	}
	return nil
}

// tellSeen reports when this machine last read orders that it may obey, in this run or an earlier one.
func (r *run) tellSeen() {
	seen, err := apply.FindSeen(r.settings.Paths)
	if err != nil {
		r.note("%v", err)
	}
	if seen != nil {
		r.report.OrdersSeenAt = &seen.At
	}
}

// note adds to the report's message something that did not decide the result.
func (r *run) note(format string, values ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, values...))
}

func (r *run) log(format string, values ...any) {
	line := shorten(r.credentials.Redact(fmt.Sprintf(format, values...)))
	// The journal is a convenience; there is nobody to tell when it is gone.
	_, _ = fmt.Fprintln(r.settings.Log, line)
}

// end writes the verdict into the report.
func (r *run) end(end verdict) {
	r.tellSeen()
	r.report.Result = end.result
	message := strings.Join(append(nonEmpty(end.message), r.notes...), "; ")
	r.report.Message = shorten(r.credentials.Redact(message))
	r.report.FinishedAt = time.Now().UTC().Truncate(time.Millisecond)
	if r.client != nil {
		r.recordClock()
	}
}

// hand keeps the report on the machine and gives it, with those that waited, to the storage. Only a report that is in
// neither place is an error.
func (r *run) hand(ctx context.Context) error {
	r.log("%s", strings.Join(append([]string{string(r.report.Result)}, nonEmpty(r.report.Message)...), ": "))
	isPending, keepErr := false, r.memoryErr
	if keepErr == nil {
		isPending, keepErr = r.outbox.Keep(&r.report)
	}
	if r.client == nil || r.isCutOff {
		return keepErr
	}
	// The run's own end, deadline or signal, must not keep the report from being put.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryPatience)
	defer cancel()
	if isPending {
		r.deliver(ctx)
		return keepErr
	}
	key, document, err := r.outbox.Seal(r.report)
	if err == nil {
		err = r.client.Put(ctx, key, document)
	}
	return errors.Join(fmt.Errorf("keep the report: %w", keepErr), err)
}
