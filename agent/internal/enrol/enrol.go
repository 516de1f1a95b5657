// Package enrol installs the agent on a machine that nobody can reach from outside: with an invitation the machine
// claims its place, waits until SMILÉO answers, and takes its configuration from the answer.
package enrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/delivery"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/files"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/units"
	"coffre.invalid/agent/internal/update"
)

// Pauses between two looks for the answer.
const (
	Pause        = 10 * time.Second
	longestPause = time.Minute
)

// How long one run waits for the answer.
const (
	DefaultWait = 15 * time.Minute
	LongestWait = 24 * time.Hour
)

// Settings are what the work here is given from outside. Version is the agent's own; Executable is the program to install;
// Wait is how long one run waits for the answer, which it looks for at least once; Pause is the shortest time between two
// looks.
type Settings struct {
	Paths      config.Paths
	Scheduler  units.Scheduler
	Version    string
	Executable string
	Wait       time.Duration
	Pause      time.Duration
	Input      io.Reader
	Output     io.Writer
}

// Run enrols this machine with the invitation on Input. It may be run again at any point, with the same invitation, until
// it has ended well, and once more after that; with a new one it enrols the same machine again.
func Run(ctx context.Context, settings Settings) error {
	invitation, err := ReadInvitation(settings.Input)
	if err != nil {
		return err
	}
	if err := checkWhose(settings.Paths, invitation); err != nil {
		return err
	}
	client, err := storage.OpenPresigned([]byte(invitation.Certificates))
	if err != nil {
		return damaged("il y manque le certificat de la plateforme")
	}
	program, err := update.ReadProgram(settings.Executable)
	if err != nil {
		return notInstalled(err)
	}
	release, err := delivery.Lock(settings.Paths)
	if err != nil {
		if exit, _ := fault.Describe(err); exit == fault.ExitBusy {
			return runsAlready()
		}
		return notInstalled(err)
	}
	run := &run{Settings: settings, invitation: invitation, client: client, program: program}
	return errors.Join(run.enrol(ctx), release())
}

// run is one reading of an invitation.
type run struct {
	Settings
	invitation Invitation
	client     *storage.Presigned
	program    []byte
	key        *age.X25519Identity
	// refused is why the last answer was none, empty when there was none.
	refused string
}

func (r *run) enrol(ctx context.Context) error {
	key, isNew, err := delivery.EnsureKey(r.Paths)
	if err == nil {
		err = delivery.Complete(r.Paths)
	}
	if err != nil {
		return notInstalled(err)
	}
	r.key = key
	r.say(thisMachine, r.invitation.Machine, delivery.Fingerprint(key.Recipient().String()))
	if record, _ := delivery.ReadRecord(r.Paths); record.Invitation != r.invitation.ID || !r.isConfigured() {
		if err := r.obtain(ctx, isNew); err != nil {
			return err
		}
	}
	// Also after a run that was killed here.
	if err := update.Install(r.Paths, r.program); err != nil {
		return notInstalled(err)
	}
	return r.putInService(ctx)
}

func (r *run) isConfigured() bool {
	_, _, err := config.Load(r.Paths)
	return err == nil
}

// obtain claims and waits until the answer is taken. What a killed run has claimed may be answered already.
func (r *run) obtain(ctx context.Context, isNew bool) error {
	if !isNew {
		if found, err := r.look(ctx); err != nil || found {
			return err
		}
	}
	if time.Now().After(r.invitation.ExpiresAt) {
		return expiredAt(r.invitation.ExpiresAt)
	}
	deadline := time.Now().Add(r.Wait)
	if err := r.claim(ctx); err != nil {
		return err
	}
	r.say(waiting, formatTime(deadline))
	for pause := r.Pause; ; pause = min(pause+pause/2, max(longestPause, r.Pause)) {
		select {
		case <-ctx.Done():
			return interrupted()
		case <-time.After(pause):
		}
		if found, err := r.look(ctx); err != nil || found {
			return err
		}
		if time.Now().Add(pause).After(deadline) {
			return noAnswerYet(r.refused)
		}
	}
}

// claim puts this machine's claim. One that is there already is its own, or another's: the answer tells.
func (r *run) claim(ctx context.Context) error {
	who := identity.Read(r.Paths.Root, r.invitation.TenantID)
	body, err := r.invitation.sealClaim(r.key.Recipient().String(), who, r.Version, r.program)
	if err != nil {
		return notInstalled(err)
	}
	put := func(ctx context.Context) error {
		return r.client.Put(ctx, "the claim", r.invitation.ClaimURL, r.invitation.ClaimHeaders, body)
	}
	if err = put(ctx); errors.Is(err, storage.ErrUnreachable) {
		err = storage.Retry(ctx, r.Wait, put)
	}
	switch {
	case err == nil, errors.Is(err, storage.ErrAlreadyThere):
		return nil
	case ctx.Err() != nil:
		return interrupted()
	}
	return explainStorage(err)
}

// look reads the answer once and takes it. It is not found while it is not there, not this machine's yet, or not
// SMILÉO's: whoever hosts the storage may put anything there, and ends nothing by it.
func (r *run) look(ctx context.Context) (found bool, err error) {
	body, err := r.client.Get(ctx, "the answer", r.invitation.AnswerURL, delivery.LimitBytes)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return false, interrupted()
	case errors.Is(err, storage.ErrNoSuchKey):
		r.refused = ""
		return false, nil
	case errors.Is(err, storage.ErrAccessDenied):
		return false, explainStorage(err)
	case errors.Is(err, storage.ErrUnreachable):
		r.refused = unreachable
		return false, nil
	default:
		r.refused = unusable
		return false, nil
	}
	answer, err := delivery.Verify(body, r.invitation.target())
	if err != nil {
		r.refused = notSigned
		return false, nil
	}
	r.refused = ""
	if answer.PublicKey != r.key.Recipient().String() {
		if answer.Invitation == r.invitation.ID {
			return false, usedElsewhere(delivery.Fingerprint(answer.PublicKey))
		}
		return false, nil
	}
	if answer.Number <= r.invitation.After {
		return false, nil
	}
	return true, r.take(body, answer)
}

func (r *run) take(body []byte, answer delivery.Delivery) error {
	parts, err := answer.Unseal(r.Paths, r.key)
	if err == nil {
		err = delivery.Install(r.Paths, body, answer, parts)
	}
	if err != nil {
		return notInstalled(err)
	}
	r.say(received)
	return nil
}

// putInService has the agent obey its orders, which registers its schedule, and check in.
func (r *run) putInService(ctx context.Context) error {
	result, err := apply.Apply(ctx, apply.Settings{Paths: r.Paths, Scheduler: r.Scheduler, Version: r.Version}, false)
	switch {
	case ctx.Err() != nil:
		return interrupted()
	case err != nil:
		return notApplied(err)
	case result.Note != "":
		return notTold(result.Note)
	}
	r.say(finished, r.invitation.Machine)
	return nil
}

func (r *run) say(format string, values ...any) {
	// What is said here is a convenience; there is nobody to tell when its reader has gone.
	_, _ = fmt.Fprintf(r.Output, format, values...)
}

// checkWhose refuses a computer with the agent of another tenant or machine. A configuration that is damaged names nobody,
// and is repaired.
func checkWhose(paths config.Paths, invitation Invitation) error {
	body, err := files.ReadOwn(paths.Machine())
	var theirs struct {
		TenantID string `json:"tenant_id"`
		Machine  string `json:"machine"`
	}
	if err != nil || json.Unmarshal(body, &theirs) != nil {
		return nil
	}
	isOther := theirs.TenantID != "" && theirs.TenantID != invitation.TenantID ||
		theirs.Machine != "" && theirs.Machine != invitation.Machine
	if isOther {
		return agentOfOther(theirs.Machine, theirs.TenantID)
	}
	return nil
}
