package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"coffre.invalid/agent/internal/gate"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
)

const (
	recheckPatience = 20 * time.Second
	wordPatience    = 5 * time.Second // SMILÉO's two calls, one after the other.
	wordPause       = 200 * time.Millisecond
	probePatience   = 10 * time.Second
)

// prober probes while restic runs, beside all other work, and keeps what there is to note.
type prober struct {
	task
	mutex sync.Mutex
	notes []string
}

// probe asks the storage whether restic waits in vain. Behind a closed gate reports may be written, and restic, which is
// denied everything else, may stand still instead of ending.
func (p *prober) probe(ctx context.Context) restic.Verdict {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	err := p.task.probe(ctx, p.client)
	switch {
	case errors.Is(err, storage.ErrQuotaExceeded):
		return restic.WallReached
	case errors.Is(err, storage.ErrAccessDenied):
		return restic.Denied
	}
	if err == nil {
		var door gate.Gate
		var notes []string
		door, notes, err = readGate(ctx, p.client)
		p.note(notes)
		if err == nil && door.Closed {
			return restic.Denied
		}
	}
	if err != nil {
		p.log("restic makes no progress: %v", err)
	}
	return restic.KeepGoing
}

func (p *prober) note(notes []string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.notes = append(p.notes, notes...)
}

// told returns the notes of the probes so far.
func (p *prober) told() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]string(nil), p.notes...)
}

// explainFailure adds to the facts what the storage says of a failure that it may be the reason of.
func (t task) explainFailure(ctx context.Context, known facts) (explained facts, notes []string) {
	if !known.mayBeRefusal() {
		return known, nil
	}
	known.door, known.wallReached, notes = t.recheck(ctx, known.wasDenied())
	if known.door.Closed {
		t.log("%s", known.door.Journal())
	}
	if code := known.outcome.ExitCode; code != nil && restic.NeedsALook(*code) {
		known.damage = t.lookAtRemains(ctx, *code)
	}
	return known, notes
}

// recheck looks for the reason of a failure in what the storage says now: restic does not tell a closed gate from other
// refusals. A machine is shut out first and told why right after, so after a denial the word is waited for.
func (t task) recheck(ctx context.Context, wasDenied bool) (door gate.Gate, wallReached bool, notes []string) {
	ctx, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	door, notes, err := readGate(ctx, t.client)
	for until := time.Now().Add(wordPatience); wasDenied && err == nil && !door.Closed && time.Now().Before(until); {
		time.Sleep(wordPause)
		var more []string
		door, more, err = readGate(ctx, t.client)
		notes = append(notes, more...)
	}
	if err != nil {
		t.log("after the failure: %v", err)
	}
	err = t.probe(ctx, t.client)
	return door, errors.Is(err, storage.ErrQuotaExceeded), notes
}

// lookAtRemains asks the storage what restic's exit code leaves open: whether config or key files are gone.
func (t task) lookAtRemains(ctx context.Context, code int) restic.Damage {
	ctx, cancel := context.WithTimeout(ctx, recheckPatience)
	defer cancel()
	remains, err := t.client.LookAtRemains(ctx)
	if err != nil {
		t.log("after the failure: %v", err)
		return restic.Damage{}
	}
	return restic.JudgeRemains(code, remains.HasConfig, remains.HasKeys, remains.HasBackups)
}
