package units

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
