// Package units turns orders into what the operating system's scheduler understands, and registers it there. Rendering
// is pure and the same everywhere; each system is reached from its own file alone: systemd, launchd, Task Scheduler.
package units

import (
	"time"

	"coffre.invalid/agent/internal/orders"
)

// Job is what is to be registered: rendered from orders, the same for the same orders. launchd and Task Scheduler have
// one document for what is run and when, in Service.
type Job struct{ Service, Timer []byte }

// Scheduler registers one job with the operating system. Changes are sentences that say what was, or with check would
// be, changed; none means that everything was as it should be already.
type Scheduler interface {
	// Ensure makes the job registered and armed, repairing whatever somebody changed. With check it only looks.
	Ensure(job Job, check bool) (changes []string, err error)
	// Remove ends a running job and unregisters it. It may run twice.
	Remove(check bool) (changes []string, err error)
	// Outside starts the agent with these arguments where the end of the job does not reach it, and does not wait. It
	// may be called again while the first is at work.
	Outside(arguments ...string) error
}

// Bounds of a run beside the deadline in the orders.
const (
	// randomDelay spreads machines with the same schedule; each keeps its own delay from day to day.
	randomDelay = 15 * time.Minute
	// deadlineMargin is for what happens around restic: retries before it, its own end, samples, the report.
	deadlineMargin = 5 * time.Minute
	// stopMargin is what an interrupted run may take to end restic and put its report.
	stopMargin = 90 * time.Second
)

// timeLimit is how long a run of these orders may take in all.
func timeLimit(wanted orders.Orders) time.Duration {
	return time.Duration(wanted.RunDeadlineSeconds)*time.Second + deadlineMargin
}
