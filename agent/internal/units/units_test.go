package units

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/orders"
)

var update = flag.Bool("update", false, "write the golden files anew")

func example() orders.Orders {
	return orders.Orders{
		Timezone: "Europe/Paris", RunDeadlineSeconds: 3600,
		Plan: orders.Plan{Schedule: []orders.Schedule{
			{Days: []string{"Mon", "Tue"}, At: "12:30"}, {Days: []string{"Sun"}, At: "23:05"},
		}},
	}
}

func TestUnitsAreRenderedAsReviewed(t *testing.T) {
	job, err := Render(example())
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"coffre-backup.service": job.Service, "coffre-backup.timer": job.Timer} {
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
	if _, err := Render(wanted); err == nil || !strings.Contains(err.Error(), "Europe/Atlantis") {
		t.Fatal(err)
	}
}
