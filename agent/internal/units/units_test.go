package units

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/orders"
)

var update = flag.Bool("update", false, "write the golden files anew")

func example() orders.Orders {
	return orders.Orders{
		TenantID: "k7f3q9wz2m", Machine: "compta-01", Timezone: "Europe/Paris", RunDeadlineSeconds: 3600,
		Plan: orders.Plan{Schedule: []orders.Schedule{
			{Days: []string{"Mon", "Tue"}, At: "12:30"}, {Days: []string{"Sun"}, At: "23:05"},
		}},
	}
}

func TestUnitsAreRenderedAsReviewed(t *testing.T) {
	systemd, systemdErr := renderSystemd(example(), "/usr/local/lib/coffre/coffre-agent")
	launchd, launchdErr := renderLaunchd(example(), "/usr/local/lib/coffre/coffre-agent")
	task, taskErr := renderTask(example(), `C:\Program Files\Coffre\coffre-agent.exe`)
	if err := errors.Join(systemdErr, launchdErr, taskErr); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"coffre-backup.service": systemd.Service, "coffre-backup.timer": systemd.Timer,
		"com.coffre.backup.plist": launchd.Service, "task.xml": task.Service,
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, body) {
			t.Errorf("%s is not as in testdata (go test ./internal/units -update):\n%s", name, body)
		}
	}
}

func TestAnUnknownTimeZoneIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	wanted := example()
	wanted.Timezone = "Europe/Atlantis"
	if _, err := renderSystemd(wanted, "agent"); err == nil || !strings.Contains(err.Error(), "Europe/Atlantis") {
		t.Fatal(err)
	}
}

// What a tenant file or its storage may put into orders as free text reaches no document of a scheduler.
func TestNoFreeTextOfOrdersIsInAnyUnit(t *testing.T) {
	hostile := "x\n[Service]\nExecStart=/bin/sh %n ${HOME}</string></Command><Command>cmd.exe</Command>"
	wanted := example()
	wanted.Plan.Paths, wanted.Plan.Exclude = []string{hostile}, []string{hostile}
	wanted.Restic = orders.Restic{Version: hostile, SHA256: hostile}
	wanted.Plan.Accepted = []orders.Accepted{{Path: hostile}}
	render := func(each orders.Orders) [3]Job {
		systemd, systemdErr := renderSystemd(each, "/usr/local/lib/coffre/coffre-agent")
		launchd, launchdErr := renderLaunchd(each, "/usr/local/lib/coffre/coffre-agent")
		task, taskErr := renderTask(each, `C:\Program Files\Coffre\coffre-agent.exe`)
		if err := errors.Join(systemdErr, launchdErr, taskErr); err != nil {
			t.Fatal(err)
		}
		return [3]Job{systemd, launchd, task}
	}
	if !reflect.DeepEqual(render(wanted), render(example())) {
		t.Fatal("a text of the orders is in a unit")
	}
	// The delay of launchd is reckoned from the machine's name; its document has times alone.
	wanted.TenantID, wanted.Machine = hostile, hostile
	for _, job := range render(wanted) {
		if bytes.Contains(append(job.Service, job.Timer...), []byte("bin/sh")) {
			t.Fatalf("the machine's name is in a unit:\n%s", job.Service)
		}
	}
}

// Orders are checked when they are read; these would be one more line of a unit if they were not.
func TestAScheduleThatWouldBeMoreThanATimeIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*orders.Orders){
		"time":    func(o *orders.Orders) { o.Plan.Schedule[0].At = "12:30\nExecStart=/bin/sh" },
		"element": func(o *orders.Orders) { o.Plan.Schedule[0].At = "12:30</StartBoundary><Exec/>" },
		"day":     func(o *orders.Orders) { o.Plan.Schedule[0].Days = []string{"Mon\nUnit=evil.service"} },
		"zone":    func(o *orders.Orders) { o.Timezone = "UTC\nUnit=evil.service" },
	} {
		t.Run(name, func(t *testing.T) {
			wanted := example()
			spoil(&wanted)
			renderers := map[string]func(orders.Orders, string) (Job, error){"systemd": renderSystemd}
			if name != "zone" { // the other two count on the machine's own zone
				renderers["launchd"], renderers["Task Scheduler"] = renderLaunchd, renderTask
			}
			for system, render := range renderers {
				if _, err := render(wanted, "agent"); err == nil {
					t.Error(system)
				}
			}
		})
	}
}

func TestDocumentsOfOtherSystemsAreWellFormed(t *testing.T) {
	launchd, launchdErr := renderLaunchd(example(), "/a&b")
	task, taskErr := renderTask(example(), `C:\R&D\agent.exe`)
	if err := errors.Join(launchdErr, taskErr); err != nil {
		t.Fatal(err)
	}
	// The decoder knows no UTF-16; the text is the same.
	for _, body := range [][]byte{launchd.Service, bytes.Replace(task.Service, []byte("UTF-16"), []byte("UTF-8"), 1)} {
		if err := xml.Unmarshal(body, new(struct{})); err != nil {
			t.Errorf("%v in\n%s", err, body)
		}
	}
	if encoded := encodeUTF16([]byte("aé")); !bytes.Equal(encoded, []byte{0xff, 0xfe, 'a', 0, 0xe9, 0}) {
		t.Errorf("% x", encoded)
	}
}

func TestADelayPastMidnightIsOnTheNextDay(t *testing.T) {
	wanted := example()
	wanted.Plan.Schedule = []orders.Schedule{
		{Days: []string{"Sat", "Mon"}, At: "23:55"}, {Days: []string{"Mon"}, At: "23:55"},
	}
	found, err := moments(wanted, 10*time.Minute)
	if err != nil || fmt.Sprint(found) != "[{0 0 5} {2 0 5}]" {
		t.Fatalf("%v %v", found, err)
	}
	first, second := ownDelay(example(), randomDelay), ownDelay(orders.Orders{TenantID: "k7f3q9wz2m", Machine: "ws2"}, randomDelay)
	if first >= randomDelay || first == second || first%time.Minute != 0 {
		t.Fatalf("%v %v", first, second)
	}
}
