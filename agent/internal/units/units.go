// Package units turns orders into what the operating system's scheduler understands, and registers it there. Rendering
// is pure; systemd is reached from systemd_linux.go alone, and other systems have their file beside it.
package units

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/orders"
)

// Job is what is to be registered: rendered from orders, the same for the same orders.
type Job struct{ Service, Timer []byte }

// Scheduler registers one job with the operating system. Changes are sentences that say what was, or with check would
// be, changed; none means that everything was as it should be already.
type Scheduler interface {
	// Ensure makes the job registered and armed, repairing whatever somebody changed. With check it only looks.
	Ensure(job Job, check bool) (changes []string, err error)
	// Remove ends a running job and unregisters it. It may run twice.
	Remove(check bool) (changes []string, err error)
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

//go:embed coffre-backup.service.tmpl
var serviceTemplate string

//go:embed coffre-backup.timer.tmpl
var timerTemplate string

var (
	service = template.Must(template.New("service").Option("missingkey=error").Parse(serviceTemplate))
	timer   = template.Must(template.New("timer").Option("missingkey=error").Parse(timerTemplate))
)

// Render makes the service and the timer of these orders. The time zone must exist on this machine, or systemd would
// not load the timer.
func Render(wanted orders.Orders) (Job, error) {
	if _, err := time.LoadLocation(wanted.Timezone); err != nil {
		return Job{}, fmt.Errorf("this machine does not know the time zone %s (package tzdata): %w", wanted.Timezone, err)
	}
	deadline := time.Duration(wanted.RunDeadlineSeconds) * time.Second
	values := map[string]any{
		"Agent":        config.Agent,
		"StartSeconds": int((deadline + deadlineMargin).Seconds()),
		"StopSeconds":  int(stopMargin.Seconds()),
		"DelaySeconds": int(randomDelay.Seconds()),
		"Calendar":     calendar(wanted),
	}
	var job struct{ service, timer bytes.Buffer }
	if err := service.Execute(&job.service, values); err != nil {
		return Job{}, err
	}
	if err := timer.Execute(&job.timer, values); err != nil {
		return Job{}, err
	}
	return Job{Service: job.service.Bytes(), Timer: job.timer.Bytes()}, nil
}

// calendar gives one systemd calendar expression for each entry of the schedule.
func calendar(wanted orders.Orders) []string {
	expressions := make([]string, 0, len(wanted.Plan.Schedule))
	for _, entry := range wanted.Plan.Schedule {
		expressions = append(expressions,
			fmt.Sprintf("%s %s:00 %s", strings.Join(entry.Days, ","), entry.At, wanted.Timezone))
	}
	return expressions
}
