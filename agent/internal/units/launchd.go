package units

import (
	"bytes"
	_ "embed"
	"text/template"

	"coffre.invalid/agent/internal/orders"
)

// launchdLabel names the job to launchd.
const launchdLabel = "com.coffre.backup"

//go:embed launchd.plist.tmpl
var plistTemplate string

var plist = template.Must(template.New("plist").Option("missingkey=error").Funcs(escaping).Parse(plistTemplate))

// renderLaunchd makes the property list of these orders. launchd counts on the machine's own clock and zone, which on a
// customer's machine is the tenant's; it runs what was missed during sleep once, on waking. It knows no delay of its
// own and no time limit: the delay is in the times, and the agent keeps the deadline by itself.
func renderLaunchd(wanted orders.Orders, agent string) (Job, error) {
	starts, err := moments(wanted, ownDelay(wanted, randomDelay))
	if err != nil {
		return Job{}, err
	}
	entries := make([]map[string]int, 0, len(starts))
	for _, start := range starts {
		entries = append(entries, map[string]int{"Day": start.day, "Hour": start.hour, "Minute": start.minute})
	}
	var body bytes.Buffer
	err = plist.Execute(&body, map[string]any{
		"Label": launchdLabel, "Agent": agent, "Starts": entries, "StopSeconds": int(stopMargin.Seconds()),
	})
	return Job{Service: body.Bytes()}, err
}
