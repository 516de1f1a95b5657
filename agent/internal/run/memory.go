package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"coffre.invalid/agent/internal/report"
)

const deliveryPatience = 30 * time.Second

func (r run) openOutbox() *report.Outbox {
	paths := r.settings.Paths
	return &report.Outbox{
		LastReport: paths.LastReport(), Pending: paths.Pending(), History: paths.History(), Floor: paths.ReportFloor(),
		Sealer: r.sealer,
	}
}

// memory is what this machine remembers of its runs. err says why it cannot go on remembering, nil usually: what waits
// then keeps its numbers, and is delivered by the first run that can remember them.
type memory struct {
	history report.History
	err     error
	notes   []string
}

// recall completes first what a kill has cut short.
func (r run) recall(outbox *report.Outbox) memory {
	note, err := outbox.Recover(r.machine.TenantID, r.machine.Machine)
	found := memory{history: outbox.Remembered(), err: err}
	if err != nil {
		found.notes = append(found.notes, fmt.Sprintf("the history of this machine's runs cannot be saved: %v", err))
	}
	found.notes = append(found.notes, nonEmpty(note)...)
	return found
}

// deliver gives the storage what waits. Whatever it refuses goes on waiting.
func (r run) deliver(ctx context.Context, access access, memory memory) {
	if memory.err != nil {
		return
	}
	if err := access.outbox.Deliver(ctx, access.client.Put); err != nil {
		r.log("%v", err)
	}
}

// handOver keeps the report on the machine and gives it, with those that waited, to the storage. It returns the report with
// its number. Only a report that is in neither place is an error.
func (r run) handOver(ctx context.Context, access access, found findings, made report.Report) (report.Report, error) {
	r.log("%s", strings.Join(append([]string{string(made.Result)}, nonEmpty(made.Message)...), ": "))
	isPending, keepErr := false, found.memory.err
	if keepErr == nil {
		isPending, keepErr = access.outbox.Keep(&made, found.backup.paths.remembered)
	}
	if access.client == nil || found.isCutOff {
		return made, keepErr
	}
	// The run's own end, deadline or signal, must not keep the report from being put.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryPatience)
	defer cancel()
	if isPending {
		r.deliver(ctx, access, found.memory)
		return made, keepErr
	}
	key, document, err := access.outbox.Seal(made)
	if err == nil {
		err = access.client.Put(ctx, key, document)
	}
	return made, errors.Join(fmt.Errorf("save the report: %w", keepErr), err)
}
