package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/update"
)

// inForce are the orders that this machine has applied, and the newer generation, nil usually, that it has verified and
// could not apply.
type inForce struct {
	document *orders.Document
	failure  *apply.Failure
	notes    []string
}

// readOrders reads what was applied.
func (r run) readOrders(who orders.Identity) (inForce, error) {
	applied, note, err := apply.ReadApplied(r.settings.Paths, who)
	if err != nil {
		return inForce{}, err
	}
	if applied == nil || applied.Orders.Remove {
		return inForce{}, errors.New("this machine has no applied orders" + note + "; run apply for this tenant")
	}
	found := inForce{document: applied}
	undelivered, err := apply.FindUndelivered(r.settings.Paths)
	if err != nil {
		found.notes = append(found.notes, err.Error())
	}
	if undelivered != nil {
		found.notes = append(found.notes, "the last delivery could not be taken, the configuration stays as it was: "+
			shorten(r.credentials.Redact(undelivered.Reason)))
	}
	notUpdated, err := update.FindFailure(r.settings.Paths)
	if err != nil {
		found.notes = append(found.notes, err.Error())
	}
	if notUpdated != nil {
		found.notes = append(found.notes, fmt.Sprintf("agent %s could not be installed: %s", notUpdated.Version,
			shorten(r.credentials.Redact(notUpdated.Reason))))
	}
	failure, err := apply.FindFailure(r.settings.Paths)
	if err != nil {
		found.notes = append(found.notes, err.Error())
	}
	if generation := applied.Orders.Generation; failure != nil && failure.Generation > generation {
		reason := shorten(r.credentials.Redact(failure.Reason))
		found.failure = &apply.Failure{Generation: failure.Generation, Reason: reason}
		found.notes = append(found.notes, fmt.Sprintf("generation %d could not be applied: %s; generation %d stays in force",
			failure.Generation, reason, generation))
	}
	return found, nil
}

// lookAtOrders returns which generation waits on the storage, 0 for none that may be obeyed: a forged or replayed one is
// refused while the applied orders stay in force.
func (r run) lookAtOrders(ctx context.Context, access access, applied orders.Document) (
	generation int64, notes []string, err error,
) {
	inForce := applied.Orders.Generation
	body, err := access.client.Get(ctx, orders.Key, orders.LimitBytes)
	if errors.Is(err, storage.ErrNoSuchKey) {
		return 0, []string{fmt.Sprintf("the bucket holds no orders; generation %d stays in force", inForce)}, nil
	}
	if err != nil {
		return 0, nil, err
	}
	seen, err := orders.Verify(body, access.who)
	if err == nil {
		_, err = orders.Decide(&applied, seen, r.machine.LeastGeneration, time.Now())
	}
	if err != nil {
		return 0, []string{fmt.Sprintf("%v; generation %d stays in force", err, inForce)}, nil
	}
	if err := apply.RememberSeen(r.settings.Paths, seen.Orders); err != nil {
		notes = append(notes, err.Error())
	}
	return seen.Orders.Generation, notes, nil
}

// sighting is when this machine last read orders that it may obey, in this run or an earlier one, nil for never.
type sighting struct {
	at    *time.Time
	notes []string
}

func (r run) readSighting() sighting {
	seen, err := apply.FindSeen(r.settings.Paths)
	switch {
	case err != nil:
		return sighting{notes: []string{err.Error()}}
	case seen == nil:
		return sighting{}
	}
	return sighting{at: &seen.At}
}
