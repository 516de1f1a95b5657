// Package apply makes the machine obey the signed orders in its bucket, and takes the agent's traces off a machine
// again.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/lock"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/programs"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/units"
)

// patience is how long the storage may be away before apply gives up.
const patience = 30 * time.Second

// Settings are what the work here is given from outside. Version is the agent's own.
type Settings struct {
	Paths     config.Paths
	Scheduler units.Scheduler
	Version   string
	// Seen are the numbers that whoever deploys this machine has seen of it.
	Seen Seen
	// Invocation is the scheduler's start that a pull belongs to, empty when a person calls.
	Invocation string
	// IsBackupNext says that the scheduler starts the installed program anew for the backup that follows this pull.
	IsBackupNext bool
	// Key is the id of the access key that a look expects here; without one it does not compare the credentials.
	Key string
}

// Result is what apply prints. Changes says what was, or with check would be, changed; Note what did not decide;
// AgentVersion is the version of the agent that says so, Identity the machine that it says it on. Additions are what others
// added to the job, of which nothing is changed; only check looks for them.
type Result struct {
	Changed      bool              `json:"changed"`
	Generation   int64             `json:"generation"`
	Changes      []string          `json:"changes"`
	Additions    []string          `json:"additions,omitempty"`
	Note         string            `json:"note,omitempty"`
	AgentVersion string            `json:"agent_version"`
	Identity     identity.Identity `json:"identity"`
}

// Apply fetches, verifies and obeys the orders, and tells the storage that it did. The orders are remembered last, so
// that a run killed anywhere is completed by the next one; running it again without news changes nothing. When a newer
// generation fails, the last good one stays in force. With check it changes nothing at all.
func Apply(ctx context.Context, settings Settings, check bool) (Result, error) {
	if !check {
		if err := delivery.Abandon(settings.Paths); err != nil {
			return Result{}, err
		}
	}
	session, err := open(settings)
	if err != nil {
		return Result{}, err
	}
	fetched, err := session.fetch(ctx, patience)
	if err != nil {
		return Result{}, err
	}
	release, err := lockState(settings.Paths, check || fetched.Orders.Remove)
	if err != nil {
		return Result{}, err
	}
	number := nextCheckIn(settings.Paths, session.Seen)
	changes, err := session.obey(ctx, fetched, check)
	var untold error
	if err == nil && !fetched.Orders.Remove {
		changes, err = session.resumeReports(changes, check)
		if !check {
			untold = report.WriteFloor(settings.Paths.CheckIns(), number)
			err = errors.Join(err, RememberSeen(settings.Paths, fetched.Orders))
		}
	}
	if err = errors.Join(err, release()); err != nil {
		return Result{}, err
	}
	if changes == nil {
		changes = []string{}
	}
	result := Result{
		Changed: len(changes) > 0, Generation: fetched.Orders.Generation, Changes: changes, AgentVersion: settings.Version,
		Identity: identity.Read(settings.Paths.Root, session.machine.TenantID),
	}
	if check {
		if result.Additions, err = units.Additions(settings.Paths.Root); err != nil {
			return Result{}, err
		}
	}
	if untold != nil {
		result.Note = notTold(untold)
	} else if !check {
		result.Note = session.checkIn(ctx, fetched.Orders, number)
	}
	return result, nil
}

// session is one reading of orders with this machine's own key.
type session struct {
	Settings
	machine     config.Machine
	credentials config.Credentials
	who         orders.Identity
	client      *storage.Client
}

func open(settings Settings) (*session, error) {
	machine, credentials, err := config.Load(settings.Paths)
	if err != nil {
		return nil, err
	}
	key, err := machine.PublicKey()
	if err != nil {
		return nil, err
	}
	client, err := storage.Open(storage.OfMachine(machine, credentials, machine.Bucket))
	if err != nil {
		return nil, err
	}
	settings.Seen = settings.Seen.orDelivered(settings.Paths)
	who := orders.Identity{TenantID: machine.TenantID, Machine: machine.Machine, Key: key}
	return &session{Settings: settings, machine: machine, credentials: credentials, who: who, client: client}, nil
}

func (s *session) fetch(ctx context.Context, patience time.Duration) (orders.Document, error) {
	var body []byte
	err := storage.Retry(ctx, patience, func(ctx context.Context) (err error) {
		body, err = s.client.Get(ctx, orders.Key, orders.LimitBytes)
		return err
	})
	if errors.Is(err, storage.ErrNoSuchKey) {
		return orders.Document{}, fault.Failed("the bucket holds no orders for this machine",
			"run apply for this tenant, which writes them")
	}
	if err != nil {
		return orders.Document{}, fault.Failed(s.credentials.Redact(err.Error()),
			"check this machine's network, clock and key against "+s.machine.Endpoint)
	}
	return orders.Verify(body, s.who)
}

// lockState makes the state directory and keeps two applies apart. Not by the run's lock: a backup may take hours. Who
// only looks or removes needs neither.
func lockState(paths config.Paths, needless bool) (release func() error, err error) {
	if needless {
		return func() error { return nil }, nil
	}
	if err := files.EnsurePrivateDirectory(paths.State()); err != nil {
		return nil, err
	}
	release, err = lock.Acquire(paths.State())
	if errors.Is(err, lock.ErrHeld) {
		return nil, fault.Busy("another apply is running on this machine", "try again in a minute")
	}
	return release, err
}

func (s *session) obey(ctx context.Context, fetched orders.Document, check bool) ([]string, error) {
	applied, note, err := ReadApplied(s.Paths, s.who)
	if err != nil {
		return nil, err
	}
	isNew, err := s.decide(applied, fetched)
	if err != nil {
		return nil, err
	}
	if fetched.Orders.Remove {
		removed, err := Remove(s.Paths, s.Scheduler, check)
		return removed.Changes, err
	}
	if check {
		return s.look(ctx, fetched.Orders, isNew, note)
	}
	return s.take(ctx, applied, fetched, isNew, note)
}

func (s *session) decide(applied *orders.Document, fetched orders.Document) (isNew bool, err error) {
	return orders.Decide(applied, fetched, s.machine.LeastGeneration, time.Now())
}

// look says what take would change, and what of the credentials whoever deploys this machine would.
func (s *session) look(ctx context.Context, wanted orders.Orders, isNew bool, note string) ([]string, error) {
	var changes []string
	binary, err := programs.Find(s.Paths, wanted.Restic)
	if err != nil {
		changes = append(changes, fetching(wanted.Restic))
	}
	if s.Key != "" {
		differs, err := s.lookAtCredentials(ctx, binary)
		if err != nil {
			return nil, err
		}
		changes = append(changes, differs...)
	}
	job, err := render(wanted)
	if err != nil {
		return nil, err
	}
	more, err := s.Scheduler.Ensure(job, true)
	changes = append(changes, more...)
	if isNew {
		changes = append(changes, remembering(wanted, note))
	}
	return changes, err
}

// take makes the machine as the fetched orders say and then remembers them. When a newer generation fails on the way,
// the machine is put back to the one that it has applied.
func (s *session) take(ctx context.Context, applied *orders.Document, fetched orders.Document, isNew bool, note string) (
	[]string, error,
) {
	wanted := fetched.Orders
	changes, err := s.ensureProgram(ctx, wanted.Restic, isNew)
	if err != nil {
		return nil, err
	}
	job, err := render(wanted)
	if err != nil {
		return nil, err
	}
	more, err := s.Scheduler.Ensure(job, false)
	changes = append(changes, more...)
	if err == nil && isNew {
		changes = append(changes, remembering(wanted, note))
		err = files.WriteAtomic(s.Paths.Applied(), fetched.Body, 0o600)
	}
	if err != nil {
		if isNew && applied != nil {
			err = errors.Join(err, s.rearm(applied.Orders))
		}
		return nil, err
	}
	if isNew {
		keep := []string{wanted.Restic.SHA256}
		if applied != nil {
			keep = append(keep, applied.Orders.Restic.SHA256)
		}
		err = programs.Prune(s.Paths, keep...)
	}
	return changes, errors.Join(err, forgetFailure(s.Paths))
}

// rearm registers the schedule of orders applied before.
func (s *session) rearm(applied orders.Orders) error {
	job, err := render(applied)
	if err == nil {
		_, err = s.Scheduler.Ensure(job, false)
	}
	if err != nil {
		return fmt.Errorf("and generation %d could not be activated again: %w", applied.Generation, err)
	}
	return nil
}

// ensureProgram has the ordered program on the machine, and proved when prove says so or when it has just come.
func (s *session) ensureProgram(ctx context.Context, wanted orders.Restic, prove bool) ([]string, error) {
	var changes []string
	path, err := programs.Find(s.Paths, wanted)
	if err != nil {
		from := storage.OfMachine(s.machine, s.credentials, s.machine.ProgramsBucket)
		path, err = programs.Fetch(ctx, from, s.Paths, wanted)
		changes, prove = append(changes, fetching(wanted)), true
	}
	if err == nil && prove {
		err = programs.Prove(ctx, path, wanted.Version)
	}
	return changes, err
}

func render(wanted orders.Orders) (units.Job, error) {
	job, err := units.Render(wanted)
	if err != nil {
		return job, fault.Failed(err.Error(), "install tzdata, or give the tenant another time zone")
	}
	return job, nil
}

func fetching(wanted orders.Restic) string { return "restic " + wanted.Version + ": fetch" }

func remembering(wanted orders.Orders, note string) string {
	return fmt.Sprintf("orders: generation %d%s", wanted.Generation, note)
}

// ReadApplied returns the orders that this machine obeys; nil, with a note why, when there are none that count: never
// applied, damaged, or left from another identity of this machine.
func ReadApplied(paths config.Paths, who orders.Identity) (applied *orders.Document, note string, err error) {
	body, err := files.ReadOwn(paths.Applied())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	document, err := orders.ReadApplied(body)
	if err != nil {
		return nil, " (" + err.Error() + ")", nil // A damaged copy is replaced, not fatal.
	}
	if !document.Orders.IsFor(who) {
		return nil, " (this machine had another identity before)", nil
	}
	return &document, "", nil
}
