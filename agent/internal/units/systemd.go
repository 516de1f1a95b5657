package units

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"coffre.invalid/agent/internal/orders"
)

//go:embed coffre-backup.service.tmpl
var serviceTemplate string

//go:embed coffre-backup.timer.tmpl
var timerTemplate string

var (
	service = template.Must(template.New("service").Option("missingkey=error").Parse(serviceTemplate))
	timer   = template.Must(template.New("timer").Option("missingkey=error").Parse(timerTemplate))
)

// renderSystemd makes the service and the timer of these orders. The time zone must exist on this machine, or systemd
// would not load the timer.
func renderSystemd(wanted orders.Orders, agent string) (Job, error) {
	if _, err := time.LoadLocation(wanted.Timezone); err != nil {
		return Job{}, fmt.Errorf("this machine does not know the time zone %s (package tzdata): %w", wanted.Timezone, err)
	}
	if _, err := moments(wanted, 0); err != nil {
		return Job{}, err
	}
	values := map[string]any{
		"Agent":        agent,
		"StartSeconds": int(timeLimit(wanted).Seconds()),
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
