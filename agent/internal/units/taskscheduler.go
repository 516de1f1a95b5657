package units

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/xml"
	"slices"
	"text/template"
	"unicode/utf16"

	"coffre.invalid/agent/internal/orders"
)

// taskName names the job to Task Scheduler; the backslash makes a folder of our own.
const taskName = `\Coffre\Backup`

//go:embed task.xml.tmpl
var taskTemplate string

var task = template.Must(template.New("task").Option("missingkey=error").Funcs(escaping).Parse(taskTemplate))

// escaping puts a text into XML.
var escaping = template.FuncMap{"text": func(value string) (string, error) {
	var escaped bytes.Buffer
	err := xml.EscapeText(&escaped, []byte(value))
	return escaped.String(), err
}}

var fullWeekdays = map[string]string{
	"Mon": "Monday", "Tue": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Fri": "Friday", "Sat": "Saturday",
	"Sun": "Sunday",
}

type taskTrigger struct {
	At   string
	Days []string
}

// renderTask makes the task of these orders, in UTF-8. Its times have no zone, so Task Scheduler counts on the machine's
// own clock and zone, which on a customer's machine is the tenant's, summer time included; with a zone it would count in
// UTC and be an hour off for half of the year.
func renderTask(wanted orders.Orders, agent string) (Job, error) {
	if _, err := moments(wanted, 0); err != nil {
		return Job{}, err
	}
	var triggers []taskTrigger
	for _, entry := range wanted.Plan.Schedule {
		trigger := taskTrigger{At: entry.At}
		for _, name := range weekdays {
			if slices.Contains(entry.Days, name) {
				trigger.Days = append(trigger.Days, fullWeekdays[name])
			}
		}
		triggers = append(triggers, trigger)
	}
	var body bytes.Buffer
	err := task.Execute(&body, map[string]any{
		"Agent": agent, "Triggers": triggers, "Name": taskName,
		"DelaySeconds": int(randomDelay.Seconds()), "LimitSeconds": int(timeLimit(wanted).Seconds()),
	})
	return Job{Service: body.Bytes()}, err
}

// encodeUTF16 gives the only encoding that schtasks.exe is sure to read: little endian, with a mark.
func encodeUTF16(text []byte) []byte {
	body := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(text))) {
		body = binary.LittleEndian.AppendUint16(body, unit)
	}
	return body
}
