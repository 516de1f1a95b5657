package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/update"
)

// pullPatience is short: when the storage is away, the orders applied last count, and the run waits for it again.
const pullPatience = 15 * time.Second

// Pulled is what a pull did. Generation is the one it applied, 0 when there was no newer one.
type Pulled struct {
	Generation int64
	// Delivery is the number of the configuration that was delivered and taken, 0 when there was no newer one.
	Delivery int64
	// Agent is the version of the agent's new program that has taken its place, empty when none has.
	Agent string
	// Removing says that the machine is about to lose its agent: nothing more must be done.
	Removing bool
	// Note is what did not decide, for the journal.
	Note string
}

// Failure is the newer generation that could not be applied, for the run's report.
type Failure struct {
	Generation int64  `json:"generation"`
	Reason     string `json:"reason"`
}

// Pull is apply as the machine does it by itself before each backup: only a newer generation changes anything. An error
// says why the orders in force stay in force, and never that the backup should not be made; a newer generation that
// failed is remembered for the report, and tried again by the next pull.
func Pull(ctx context.Context, settings Settings) (Pulled, error) {
	if begun, err := isRemoving(settings.Paths); err != nil || begun {
		if begun {
			err = errors.Join(err, settings.Scheduler.Outside("remove", "--all"))
		}
		return Pulled{Removing: begun}, err
	}
	begun, err := update.Begin(settings.Paths, settings.tenantID(), settings.Invocation)
	notes := []string{begun.Note, notUpdated(err)}
	if begun.Version != "" {
		settings.Version = begun.Version // That of the installed program, of which the check-in tells.
	}
	received := receive(ctx, settings)
	pulled, err := pullOrders(ctx, settings, received.number > 0 || begun.Version != "" || begun.OnTrial)
	pulled.Delivery = received.number
	notes = append(notes, received.note, pulled.Note)
	if !pulled.Removing && ctx.Err() == nil {
		var note string
		pulled.Agent, note = updateAgent(ctx, settings)
		notes = append(notes, note)
	}
	pulled.Note = joinNotes(notes...)
	return pulled, err
}

// tenantID is whose machine this is, empty without a configuration.
func (s Settings) tenantID() string {
	machine, _, err := config.Load(s.Paths)
	if err != nil {
		return ""
	}
	return machine.TenantID
}

// updateAgent brings the program that the last delivery names. Whatever becomes of it, the backup is made.
func updateAgent(ctx context.Context, settings Settings) (version, note string) {
	key, err := delivery.ReadKey(settings.Paths)
	if err != nil || key == nil {
		return "", "" // Without a key for deliveries, deployments bring the program; what is wrong with one is told already.
	}
	session, err := open(settings)
	if err != nil {
		return "", "" // Without a configuration the orders say so.
	}
	updated, err := update.Ensure(ctx, update.Settings{
		Paths: settings.Paths, TenantID: session.machine.TenantID, Version: settings.Version,
		Storage:    storage.OfMachine(session.machine, session.credentials, session.machine.ProgramsBucket),
		Invocation: settings.Invocation, IsBackupNext: settings.IsBackupNext,
	})
	note = session.credentials.Redact(notUpdated(err))
	if updated.HasFallenBack {
		// The new one may have said that it is in its place.
		note = joinNotes(note, session.tellAgain(ctx))
	}
	return updated.Version, note
}

// tellAgain checks in with the orders in force.
func (s *session) tellAgain(ctx context.Context) (note string) {
	applied, note, err := ReadApplied(s.Paths, s.who)
	if err != nil {
		return err.Error()
	}
	if applied == nil {
		return note
	}
	return s.tell(ctx, applied.Orders)
}

func notUpdated(err error) string {
	if err == nil {
		return ""
	}
	return "the agent stays as it is: " + err.Error()
}

func pullOrders(ctx context.Context, settings Settings, isToTell bool) (Pulled, error) {
	session, err := open(settings)
	if err != nil {
		return Pulled{}, err
	}
	fetched, err := session.fetch(ctx, pullPatience)
	if err != nil {
		return Pulled{}, err
	}
	release, err := lockState(settings.Paths, false)
	if err != nil {
		return Pulled{}, err
	}
	pulled, err := session.pull(ctx, fetched, isToTell)
	return pulled, errors.Join(err, release())
}

func (s *session) pull(ctx context.Context, fetched orders.Document, isToTell bool) (Pulled, error) {
	applied, note, err := ReadApplied(s.Paths, s.who)
	if err != nil {
		return Pulled{}, err
	}
	isNew, err := s.decide(applied, fetched)
	if err != nil {
		return Pulled{}, err
	}
	if fetched.Orders.Remove {
		return s.beginRemoval(ctx, fetched.Orders)
	}
	if _, err := s.resumeReports(nil, false); err != nil {
		return Pulled{}, err
	}
	if !isNew {
		// A program that somebody damaged comes back by itself; a generation that was taken back has not failed any more.
		_, err := s.ensureProgram(ctx, applied.Orders.Restic, false)
		if err = errors.Join(err, forgetFailure(s.Paths)); err != nil || !isToTell {
			return Pulled{}, err
		}
		return Pulled{Note: s.tell(ctx, fetched.Orders)}, nil
	}
	if _, err := s.take(ctx, applied, fetched, true, note); err != nil {
		return Pulled{}, s.keepLastGood(ctx, applied, fetched.Orders, err)
	}
	return Pulled{Generation: fetched.Orders.Generation, Note: s.tell(ctx, fetched.Orders)}, nil
}

// tell checks in under a number that is remembered first.
func (s *session) tell(ctx context.Context, inForce orders.Orders) (note string) {
	number := nextCheckIn(s.Paths, s.Seen)
	if err := report.WriteFloor(s.Paths.CheckIns(), number); err != nil {
		return notTold(err)
	}
	return s.checkIn(ctx, inForce, number)
}

// keepLastGood remembers why a generation failed, and sees to it that the last good one can still be obeyed.
func (s *session) keepLastGood(ctx context.Context, applied *orders.Document, wanted orders.Orders, cause error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // Ended from outside, which says nothing about the generation.
	}
	reason := s.credentials.Redact(cause.Error())
	err := rememberFailure(s.Paths, Failure{wanted.Generation, reason})
	if applied != nil {
		_, programErr := s.ensureProgram(ctx, applied.Orders.Restic, false)
		err = errors.Join(err, programErr)
	}
	_, hint := fault.Describe(cause)
	return errors.Join(fault.Failed(fmt.Sprintf("generation %d could not be applied: %s", wanted.Generation, reason), hint), err)
}

// beginRemoval says goodbye to the storage, marks the machine, and has the removal done from outside the job that is
// running this: whoever ends that job must not be part of it.
func (s *session) beginRemoval(ctx context.Context, wanted orders.Orders) (Pulled, error) {
	note := s.checkIn(ctx, wanted, nextCheckIn(s.Paths, s.Seen))
	outbox := report.Outbox{LastReport: s.Paths.LastReport(), Pending: s.Paths.Pending()}
	if err := outbox.Deliver(ctx, s.client.Put); err != nil {
		note += s.credentials.Redact(err.Error())
	}
	mark := []byte(strconv.FormatInt(wanted.Generation, 10) + "\n")
	if err := files.WriteAtomic(s.Paths.Removing(), mark, 0o600); err != nil {
		return Pulled{Note: note}, err
	}
	return Pulled{Generation: wanted.Generation, Removing: true, Note: note}, s.Scheduler.Outside("remove", "--all")
}

// IsRemoving refuses when the machine is about to lose its agent.
func IsRemoving(paths config.Paths) error {
	begun, err := isRemoving(paths)
	if err == nil && begun {
		return fault.Refused("this machine's agent is being removed, as its orders say", "")
	}
	return err
}

func isRemoving(paths config.Paths) (bool, error) { return files.Exists(paths.Removing()) }

// FindFailure returns the newer generation that the last pull could not apply, nil when there is none.
func FindFailure(paths config.Paths) (*Failure, error) {
	body, err := files.ReadOwn(paths.Failed())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // No failure is the usual answer.
	}
	if err != nil {
		return nil, err
	}
	var failure Failure
	if err := json.Unmarshal(body, &failure); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", paths.Failed(), err)
	}
	return &failure, nil
}

func rememberFailure(paths config.Paths, failure Failure) error {
	body, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	return files.WriteAtomic(paths.Failed(), body, 0o600)
}

func forgetFailure(paths config.Paths) error {
	_, err := files.RemoveIfPresent(paths.Failed())
	return err
}
